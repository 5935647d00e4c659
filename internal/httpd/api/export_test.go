package api

import (
	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
)

// Router gives the routes for a test that walks them, and their description.
func Router(c Config) (chi.Router, huma.API) { return newDoor(c) }
