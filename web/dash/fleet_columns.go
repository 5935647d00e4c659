package dash

import "holdfast/web/ui"

// listFrame is the frame of a page with a list that is narrowed in place.
func (p Page) listFrame(title string) ui.Frame {
	f := p.frame(title, false)
	f.Lists = true
	return f
}

// told is what the list holds now, for those who cannot see that it changed.
func (p FleetProps) told() string { return listTold(p.listed(), p.Order, p.Pager.Words) }

func (p HostsProps) told() string { return listTold(p.listed(), "", p.Pager.Words) }

func listTold(listed, order, pager string) string {
	for _, more := range []string{order, pager} {
		if more != "" {
			listed += ", " + more
		}
	}
	return listed + "."
}

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
