package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/kopia/kopia/repo/blob"
)

// cut is a storage whose one pack is shorter than its metadata says.
type cut struct{ blob.Storage }

var errCut = errors.New("the pack is cut short")

func (cut) GetMetadata(context.Context, blob.ID) (blob.Metadata, error) {
	return blob.Metadata{BlobID: "q1", Length: 4 << 20}, nil
}

func (cut) GetBlob(_ context.Context, _ blob.ID, _, length int64, out blob.OutputBuffer) error {
	if length == 10 {
		return errCut
	}
	out.Reset()
	_, err := out.Write(make([]byte, 100))
	return err //nolint:wrapcheck // a test's
}

// A pack that was cut short since it was looked at is the storage's error, and
// ends no process.
func TestAhead_APackThatIsCutMeanwhileIsAnError(t *testing.T) {
	t.Parallel()
	a := newAhead(cut{})
	a.wanted++
	var out held
	if err := a.GetBlob(t.Context(), "q1", 5000, 10, &out); !errors.Is(err, errCut) {
		t.Errorf("%v, %d bytes", err, out.Length())
	}
}
