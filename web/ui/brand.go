package ui

import "context"

// Brand is whose pages these are: the hoster's, on customers' pages and before
// anybody has signed in.
type Brand struct {
	Name string
	Mark string // the address of their mark; ours is drawn when empty
	// Support is the mail address to write to with questions; none when empty.
	Support string
}

type brandKey struct{}

// WithBrand makes the pages of ctx carry a brand where customers see them.
func WithBrand(ctx context.Context, b Brand) context.Context {
	return context.WithValue(ctx, brandKey{}, b)
}

// brandOf is the brand of a page; staff's own pages carry ours.
func brandOf(ctx context.Context, f Frame, bare bool) Brand {
	b, ok := ctx.Value(brandKey{}).(Brand)
	if !ok || b.Name == "" || !bare && !f.Top {
		return Brand{Name: f.product()}
	}
	return b
}
