// Package selfcert makes and keeps the control plane's own certificate for
// its agents, where the operator gives none. Agents trust it by the pin of
// its public key, which comes with the enrolment command.
package selfcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

const (
	certFile = "agents.crt"
	keyFile  = "agents.key"
)

// Load gives the certificate kept in dir, making it at the first call. It is
// valid for 20 years from now: agents check the pin, not the date.
func Load(dir string, now time.Time) (tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, certFile), filepath.Join(dir, keyFile))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return cert, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, fmt.Errorf("certificate for agents: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return cert, fmt.Errorf("certificate for agents: %w", err)
	}
	form := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Holdfast control plane"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"holdfast", "localhost"}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		return cert, fmt.Errorf("certificate for agents: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return cert, fmt.Errorf("certificate for agents: %w", err)
	}
	// The key first: without its certificate it is made anew, the other way
	// round the pair would not load.
	err = errors.Join(
		writePEM(filepath.Join(dir, keyFile), "PRIVATE KEY", secret, 0o600),
		writePEM(filepath.Join(dir, certFile), "CERTIFICATE", der, 0o644),
	)
	if err != nil {
		return cert, fmt.Errorf("certificate for agents: %w", err)
	}
	return tls.LoadX509KeyPair(filepath.Join(dir, certFile), filepath.Join(dir, keyFile))
}

func writePEM(path, kind string, der []byte, mode fs.FileMode) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// Pin gives "sha256:" and the hash of the certificate's public key (its
// SubjectPublicKeyInfo), in hexadecimal.
func Pin(cert tls.Certificate) (string, error) {
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return "", fmt.Errorf("certificate for agents: %w", err)
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
