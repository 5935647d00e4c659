package engine

import (
	"context"
	"encoding/json"
	"io"

	"holdfast/internal/errs"
)

var errNotBuilt = errs.New(errs.Unsupported, "Not built yet.")

func (r *Repository) Verify(ctx context.Context, o VerifyOptions) (VerifyReport, error) {
	return VerifyReport{}, errNotBuilt
}
func (r *Repository) Scan(ctx context.Context, read bool) (ScanReport, error) {
	return ScanReport{}, errNotBuilt
}
func (r *Repository) Delete(ctx context.Context, ids ...string) error { return errNotBuilt }
func (r *Repository) PutBack(ctx context.Context, manifest json.RawMessage) (string, error) {
	return "", errNotBuilt
}
func (r *Repository) Maintain(ctx context.Context, full bool) error { return errNotBuilt }
func SealStream(w io.Writer, key []byte) (io.WriteCloser, error)    { return nil, errNotBuilt }
func OpenSealed(rd io.Reader, key []byte) (io.ReadCloser, error)    { return nil, errNotBuilt }
