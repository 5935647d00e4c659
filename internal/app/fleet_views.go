package app

import (
	"context"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"holdfast/internal/authz"
	"holdfast/internal/errs"
	"holdfast/internal/id"
	"holdfast/internal/store"
	"holdfast/internal/store/dbq"
)

// What bounds saved views.
const (
	viewName  = 80
	viewQuery = 1000
	viewsMost = 50 // of one account
)

// NewView is a question about the list of sites, to be kept under a name.
type NewView struct {
	Name, Query string
	Shared      bool // with all staff
	Default     bool // the list opens with it, for whoever saves it
}

// SavedViews gives the views that a person may open: their own, and shared ones.
func (a *App) SavedViews(ctx context.Context, who authz.Actor) ([]dbq.SavedViewsRow, error) {
	if who.Account.IsZero() {
		return nil, nil
	}
	var rows []dbq.SavedViewsRow
	err := a.do(ctx, who, authz.ViewFleet, id.Tenant{}, func(ctx context.Context, tx *store.Tx) (err error) {
		rows, err = tx.SavedViews(ctx, who.Account)
		return err
	})
	return rows, err
}

// SaveView keeps a view. Sharing one is for who may do that.
func (a *App) SaveView(ctx context.Context, who authz.Actor, n NewView) (id.View, error) {
	action := authz.ViewFleet
	if n.Shared {
		action = authz.ShareViews
	}
	if _, err := authz.Check(who, action, id.Tenant{}); err != nil {
		return id.View{}, err
	}
	n.Name = strings.Join(strings.Fields(n.Name), " ")
	switch {
	case n.Name == "" || utf8.RuneCountInString(n.Name) > viewName:
		return id.View{}, errs.Field("name", "give the view a name of at most %d characters", viewName)
	case !utf8.ValidString(n.Name) || strings.ContainsFunc(n.Name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }):
		return id.View{}, errs.Field("name", "it holds characters that cannot be seen; type it anew")
	}
	values, err := url.ParseQuery(n.Query)
	if err != nil || len(n.Query) > viewQuery || !utf8.ValidString(n.Query) {
		return id.View{}, errs.Field("query", "it is not a list of sites; save the view from the list itself")
	}
	values.Del("after")
	values.Del("before")
	made := id.New[id.View]()
	err = a.do(ctx, who, action, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		if who.Account.IsZero() {
			return errs.New(errs.Forbidden, "Only a person's own account keeps views.")
		}
		if had, err := tx.CountSavedViews(ctx, who.Account); err != nil || had >= viewsMost {
			if err != nil {
				return err
			}
			return errs.New(errs.TooLarge, "You keep %d views already; delete one first.", had)
		}
		err := tx.InsertSavedView(ctx, dbq.InsertSavedViewParams{ID: made, AccountID: who.Account, Name: n.Name, Query: values.Encode(), Shared: n.Shared, CreatedAt: tx.Now})
		if store.Constraint(err) != "" {
			return errs.Field("name", "there is a view %q already; choose another name, or delete that one first", n.Name)
		}
		if err != nil {
			return err
		}
		if n.Default {
			if err := tx.SetDefaultView(ctx, dbq.SetDefaultViewParams{AccountID: who.Account, ViewID: made}); err != nil {
				return err
			}
		}
		return tx.Event(ctx, "view.saved", store.Subject{Kind: "view", ID: made.UUID()}, map[string]any{"name": n.Name, "shared": n.Shared})
	})
	return made, err
}

// DeleteView forgets a view: one's own, or a shared one by who may share.
func (a *App) DeleteView(ctx context.Context, who authz.Actor, view id.View) error {
	return a.withView(ctx, who, view, func(ctx context.Context, tx *store.Tx, v dbq.SavedView) error {
		if v.Shared {
			if _, err := authz.Check(who, authz.ShareViews, id.Tenant{}); err != nil && v.AccountID != who.Account {
				return errs.New(errs.Forbidden, "This view is shared by somebody else; an owner or operator deletes it.")
			}
		}
		if _, err := tx.DeleteSavedView(ctx, view); err != nil {
			return err
		}
		return tx.Event(ctx, "view.deleted", store.Subject{Kind: "view", ID: view.UUID()}, map[string]any{"name": v.Name, "shared": v.Shared})
	})
}

// OpenWithView makes the person's list open with a view, or with all sites
// again where on is false.
func (a *App) OpenWithView(ctx context.Context, who authz.Actor, view id.View, on bool) error {
	return a.withView(ctx, who, view, func(ctx context.Context, tx *store.Tx, v dbq.SavedView) error {
		verb := "view.opened_with"
		if on {
			if err := tx.SetDefaultView(ctx, dbq.SetDefaultViewParams{AccountID: who.Account, ViewID: view}); err != nil {
				return err
			}
		} else {
			verb = "view.opened_without"
			if _, err := tx.ClearDefaultView(ctx, who.Account); err != nil {
				return err
			}
		}
		return tx.Event(ctx, verb, store.Subject{Kind: "view", ID: view.UUID()}, map[string]any{"name": v.Name})
	})
}

// withView runs fn with a view that the person may open.
func (a *App) withView(ctx context.Context, who authz.Actor, view id.View, fn func(context.Context, *store.Tx, dbq.SavedView) error) error {
	err := a.do(ctx, who, authz.ViewFleet, id.Tenant{}, func(ctx context.Context, tx *store.Tx) error {
		v, err := tx.SavedViewByID(ctx, dbq.SavedViewByIDParams{ID: view, AccountID: who.Account})
		if isNoRows(err) {
			return errs.New(errs.NotFound, "This view is not there any more.")
		}
		if err != nil {
			return err
		}
		return fn(ctx, tx, v)
	})
	return err
}
