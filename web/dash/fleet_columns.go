package dash

import "holdfast/web/ui"

// fleetColumns are the columns of the sites' table.
func fleetColumns(p FleetProps) []ui.Column {
	names := []string{"Site"}
	if p.ShowHost {
		names = append(names, "Host")
	}
	names = append(names, "Newest database copy", "Newest data copy")
	if p.ShowStored {
		names = append(names, "#Stored")
	}
	return ui.Columns(names...)
}
