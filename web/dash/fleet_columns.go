package dash

import "holdfast/web/ui"

// fleetColumns are the columns of the sites' table.
func fleetColumns(p FleetProps) []ui.Column {
	if p.ShowHost {
		return ui.Columns("Site", "Host", "Newest database copy", "Newest data copy")
	}
	return ui.Columns("Site", "Newest database copy", "Newest data copy")
}
