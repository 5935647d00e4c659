package vault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/blob/filesystem"
	"github.com/kopia/kopia/repo/blob/s3"
	"github.com/kopia/kopia/repo/blob/sftp"

	"holdfast/internal/errs"
)

// The kinds of storage that a destination can be.
const (
	Filesystem = "filesystem"
	OnS3       = "s3"
	OnSFTP     = "sftp"
)

// Backend is where the blobs of a destination lie. It holds credentials, so it
// stays on the keeper's side: the vault and the control plane. It can be kept
// as JSON, sealed.
type Backend struct {
	Kind string `json:"kind"`           // Filesystem, OnS3 or OnSFTP
	Path string `json:"path,omitempty"` // a directory, or the prefix within a bucket, or the directory on the SFTP server
	S3   *S3    `json:"s3,omitempty"`
	SFTP *SFTP  `json:"sftp,omitempty"`
}

// S3 names a bucket and how to reach it.
type S3 struct {
	Endpoint  string `json:"endpoint"` // host[:port], with no scheme
	Region    string `json:"region,omitempty"`
	Bucket    string `json:"bucket"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
	Plain     bool   `json:"plain,omitempty"`   // HTTP without TLS: tests and loopback only
	RootCA    []byte `json:"root_ca,omitempty"` // PEM; nil means the system's
}

// SFTP names an account on an SSH server.
type SFTP struct {
	Host       string `json:"host"`
	Port       int    `json:"port,omitempty"` // 0 means 22
	User       string `json:"user"`
	Password   string `json:"password,omitempty"`    // used when Key is empty
	Key        string `json:"key,omitempty"`         // a private key, PEM
	KnownHosts string `json:"known_hosts,omitempty"` // the server's key in known_hosts form; it must be there
}

// Check names the first thing that is wrong with b, as an Invalid error.
func (b Backend) Check() error {
	switch b.Kind {
	case Filesystem:
		if !filepath.IsAbs(b.Path) {
			return errs.Field("path", "the directory of a filesystem destination must be an absolute path")
		}
	case OnS3:
		if b.S3 == nil || b.S3.Bucket == "" || b.S3.Endpoint == "" {
			return errs.Field("s3", "an S3 destination needs an endpoint and a bucket")
		}
	case OnSFTP:
		if b.SFTP == nil || b.SFTP.Host == "" || b.SFTP.User == "" || b.Path == "" {
			return errs.Field("sftp", "an SFTP destination needs a host, a user and a path")
		}
		if b.SFTP.KnownHosts == "" {
			return errs.Field("sftp", "an SFTP destination needs the server's key in known_hosts form")
		}
	default:
		return errs.Field("kind", "%q is not a kind of storage; use filesystem, s3 or sftp", clip(b.Kind))
	}
	return nil
}

// Open gives the storage of one repository. The name is "SITE/KIND", or empty
// for a filesystem directory that is itself the repository. The caller closes
// it. Opening makes the directory where there is none.
func (b Backend) Open(ctx context.Context, repository string) (blob.Storage, error) {
	if err := b.Check(); err != nil {
		return nil, err
	}
	if repository != "" || b.Kind != Filesystem {
		if err := CheckRepository(repository); err != nil {
			return nil, err
		}
	}
	var st blob.Storage
	var err error
	switch b.Kind {
	case Filesystem:
		st, err = openFilesystem(ctx, filepath.Join(b.Path, filepath.FromSlash(repository)))
	case OnS3:
		st, err = b.openS3(ctx, repository)
	case OnSFTP:
		st, err = b.openSFTP(ctx, repository)
	}
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "The storage of this destination cannot be reached.")
	}
	return st, nil
}

func openFilesystem(ctx context.Context, dir string) (blob.Storage, error) {
	if _, err := os.Stat(dir); err != nil {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the repository's directory: %w", err)
		}
		if err := syncDir(filepath.Dir(dir), filepath.Dir(filepath.Dir(dir))); err != nil {
			return nil, err
		}
	}
	st, err := filesystem.New(ctx, &filesystem.Options{Path: dir}, true)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return newDurable(st, dir)
}

func (b Backend) openS3(ctx context.Context, repository string) (blob.Storage, error) {
	prefix := strings.Trim(b.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	st, err := s3.New(ctx, &s3.Options{
		BucketName: b.S3.Bucket, Prefix: prefix + repository + "/", Endpoint: b.S3.Endpoint,
		DoNotUseTLS: b.S3.Plain, RootCA: b.S3.RootCA, Region: b.S3.Region,
		AccessKeyID: b.S3.AccessKey, SecretAccessKey: b.S3.SecretKey,
	}, false)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", b.S3.Bucket, err)
	}
	return st, nil
}

func (b Backend) openSFTP(ctx context.Context, repository string) (blob.Storage, error) {
	port := b.SFTP.Port
	if port == 0 {
		port = 22
	}
	o := &sftp.Options{
		Path: strings.TrimRight(b.Path, "/") + "/" + repository, Host: b.SFTP.Host, Port: port,
		Username: b.SFTP.User, KeyData: b.SFTP.Key, KnownHostsData: b.SFTP.KnownHosts,
	}
	if b.SFTP.Key == "" {
		o.Password = b.SFTP.Password
	}
	st, err := sftp.New(ctx, o, true)
	if err != nil {
		return nil, fmt.Errorf("open %s on %s: %w", b.Path, b.SFTP.Host, err)
	}
	return st, nil
}
