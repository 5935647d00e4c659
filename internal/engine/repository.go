package engine

import (
	"context"
	"encoding/json"
	"io"

	"holdfast/internal/errs"
)

var errNotBuilt = errs.New(errs.Unsupported, "Not built yet.")

// Repository is an open repository.
type Repository struct{}

func Exists(ctx context.Context, l Location) (bool, error)                     { return false, errNotBuilt }
func Create(ctx context.Context, l Location, password string, kind Kind) error { return errNotBuilt }
func Open(ctx context.Context, l Location, password string) (*Repository, error) {
	return nil, errNotBuilt
}
func (r *Repository) Close(ctx context.Context) error { return nil }
func (r *Repository) StoreTree(ctx context.Context, o TreeOptions) (Snapshot, error) {
	return Snapshot{}, errNotBuilt
}
func (r *Repository) StoreStream(ctx context.Context, o StreamOptions, produce func(context.Context, io.Writer) error) (Snapshot, error) {
	return Snapshot{}, errNotBuilt
}
func (r *Repository) List(ctx context.Context) ([]Snapshot, error) { return nil, errNotBuilt }
func (r *Repository) Manifest(ctx context.Context, id string) (json.RawMessage, error) {
	return nil, errNotBuilt
}
func (r *Repository) RestoreTree(ctx context.Context, id, dir string, o RestoreOptions) (Restored, error) {
	return Restored{}, errNotBuilt
}
func (r *Repository) ReadStream(ctx context.Context, id string, w io.Writer) (int64, error) {
	return 0, errNotBuilt
}
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
