package runtime

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	rt "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tradewind.dev/sandbox/internal/image"
)

// Images is the image service over a store of recipes.
type Images struct {
	Store *image.Store
	// Dir is where the file system figures are read.
	Dir string
}

func describe(i *image.Image) *rt.Image {
	if i == nil {
		return nil
	}
	return &rt.Image{
		Id: i.ID, RepoTags: []string{i.Ref.String()}, RepoDigests: []string{i.Ref.Name + "@" + i.ID}, Size: max(i.Size, 1),
		Uid: &rt.Int64Value{Value: i.Recipe.User}, Spec: &rt.ImageSpec{Image: i.Ref.String()},
	}
}

// ListImages lists the pulled images; tags of one image come together.
func (s *Images) ListImages(_ context.Context, f *rt.ImageFilter) ([]*rt.Image, error) {
	if want := f.GetImage().GetImage(); want != "" {
		if i := s.Store.Get(want); i != nil {
			return []*rt.Image{describe(i)}, nil
		}
		return nil, nil
	}
	byID := map[string]*rt.Image{}
	var out []*rt.Image
	for _, i := range s.Store.List() {
		d := describe(i)
		if have := byID[i.ID]; have != nil {
			have.RepoTags = append(have.RepoTags, d.RepoTags...)
			continue
		}
		byID[i.ID] = d
		out = append(out, d)
	}
	return out, nil
}

// ImageStatus describes a pulled image; one that is not there has none.
func (s *Images) ImageStatus(_ context.Context, spec *rt.ImageSpec, _ bool) (*rt.ImageStatusResponse, error) {
	return &rt.ImageStatusResponse{Image: describe(s.Store.Get(spec.Image))}, nil
}

// PullImage finds the recipe of an image.
func (s *Images) PullImage(_ context.Context, spec *rt.ImageSpec, auth *rt.AuthConfig, _ *rt.PodSandboxConfig) (string, error) {
	i, err := s.Store.Pull(spec.Image, image.Auth{Username: auth.GetUsername(), Password: auth.GetPassword(), Encoded: auth.GetAuth()})
	var unknown *image.NotFoundError
	if errors.As(err, &unknown) {
		return "", status.Errorf(codes.NotFound, "failed to pull and unpack image %q: %v", spec.Image, err)
	}
	if err != nil {
		return "", fmt.Errorf("failed to pull and unpack image %q: %w", spec.Image, err)
	}
	return i.ID, nil
}

// RemoveImage forgets an image.
func (s *Images) RemoveImage(_ context.Context, spec *rt.ImageSpec) error {
	s.Store.Remove(spec.Image)
	return nil
}

// ImageFsInfo reports the file system the images lie on; the eviction manager wants it.
func (s *Images) ImageFsInfo(context.Context) (*rt.ImageFsInfoResponse, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.Dir, &st); err != nil {
		return nil, err
	}
	var used uint64
	for _, i := range s.Store.List() {
		used += i.Size
	}
	u := &rt.FilesystemUsage{Timestamp: time.Now().UnixNano(), FsId: &rt.FilesystemIdentifier{Mountpoint: s.Dir}, UsedBytes: value(used), InodesUsed: value(1)}
	return &rt.ImageFsInfoResponse{ImageFilesystems: []*rt.FilesystemUsage{u}, ContainerFilesystems: []*rt.FilesystemUsage{u}}, nil
}

// Close has nothing to shut.
func (s *Images) Close(context.Context) error { return nil }
