package catalog_test

import (
	"testing"
	"time"

	"holdfast/internal/backup"
	"holdfast/internal/catalog"
	"holdfast/internal/errs"
)

func TestApply_RefusesWhatTheTableOmits(t *testing.T) {
	t.Parallel()
	allowed := map[catalog.State]map[catalog.Verb]catalog.State{
		catalog.Good:       {catalog.FindDamage: catalog.Damaged, catalog.Discard: catalog.Deleting},
		catalog.Incomplete: {catalog.FindDamage: catalog.Damaged, catalog.Discard: catalog.Deleting},
		catalog.Damaged:    {catalog.FindWhole: catalog.Good, catalog.FindShort: catalog.Incomplete, catalog.Discard: catalog.Deleting},
		catalog.Deleting:   {catalog.Delete: catalog.Gone},
	}
	for _, s := range catalog.States() {
		for _, v := range catalog.Verbs() {
			got, err := catalog.Apply(s, v)
			want, ok := allowed[s][v]
			if ok && (err != nil || got != want) {
				t.Errorf("Apply(%s, %s) = %s, %v, want %s", s, v, got, err, want)
			}
			if !ok && !errs.Is(err, errs.Conflict) {
				t.Errorf("Apply(%s, %s) gave %s, %v, want a refusal", s, v, got, err)
			}
		}
	}
}

func TestLocalMonth_IsTheSitesMonthNotOurs(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	if got := catalog.LocalMonth(at, zone); got != "2026-04" {
		t.Fatalf("got %s", got)
	}
}

func TestWantsSeal_TheMonthlyOneAndTheFirstOfAMonth(t *testing.T) {
	t.Parallel()
	if !catalog.WantsSeal(backup.Database, catalog.Good, false, 0) || !catalog.WantsSeal(backup.Database, catalog.Good, true, 1) {
		t.Fatal("a monthly copy, and a month's first, are sealed")
	}
	if catalog.WantsSeal(backup.Database, catalog.Good, false, 1) ||
		catalog.WantsSeal(backup.Database, catalog.Incomplete, true, 0) ||
		catalog.WantsSeal(backup.Data, catalog.Good, true, 0) {
		t.Fatal("only good database copies are sealed, once a month besides the monthly one")
	}
}
