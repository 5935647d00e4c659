package letter

import (
	"context"
	"fmt"
	"strings"
)

// HTML draws the letter as a whole page.
func HTML(ctx context.Context, w Words) (string, error) {
	if w.Language == "" {
		w.Language = "en"
	}
	var b strings.Builder
	if err := Letter(w).Render(ctx, &b); err != nil { //nolint:contextcheck // a component takes its context at Render
		return "", fmt.Errorf("drawing a letter: %w", err)
	}
	return b.String(), nil
}
