package portal

import (
	"context"

	"holdfast/internal/app"
	"holdfast/internal/httpd/figure"
	"holdfast/internal/id"
	"holdfast/internal/restore"
	"holdfast/web/truth"
)

// completeness is what is known of the files that the site's database copies
// name, by the copy's id.
func (d *Door) completeness(ctx context.Context, p app.Person, site id.Site) (map[string]app.Completeness, error) {
	all, err := d.app.Completeness(ctx, p.Actor, site.String())
	if err != nil {
		return nil, err
	}
	out := make(map[string]app.Completeness, len(all))
	for _, c := range all {
		out[c.Copy.String()] = c
	}
	return out, nil
}

// filesOf says how many of the files that a restore point names come back with
// it; nil where it has no files, or others than were counted.
func (w *wish) filesOf(c restore.Choice) *truth.Files {
	if c.Database == nil || c.Data == nil {
		return nil
	}
	known, ok := w.whole[c.Database.ID.String()]
	if !ok || known.Best == nil || known.Best.Data != c.Data.ID {
		return nil
	}
	return figure.Files(known, figure.Customer)
}
