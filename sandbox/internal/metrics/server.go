package metrics

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	registry "k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	generatedopenapi "k8s.io/kubernetes/pkg/generated/openapi"
	api "k8s.io/metrics/pkg/apis/metrics"
	"k8s.io/metrics/pkg/apis/metrics/install"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// Port is where the API answers on the machine's address.
const Port = 4443

const synced = 30 * time.Second

var (
	scheme = runtime.NewScheme()
	codecs = serializer.NewCodecFactory(scheme)
)

func init() {
	install.Install(scheme)
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	scheme.AddUnversionedTypes(schema.GroupVersion{Version: "v1"},
		&metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
}

// Options say where the API answers and by which keys. The API server is the only client: it proves itself
// with its front-proxy certificate and names the user in headers.
type Options struct {
	// IP is the machine's address; port 0 takes a free one.
	IP   string
	Port int
	// Cert and Key are the server's own files, FrontCA verifies the API server.
	Cert, Key, FrontCA string
	Kubelets           Keys
}

// Start listens, follows nodes and pods, and asks the kubelets. The returned function serves until ctx ends.
func Start(ctx context.Context, cfg *rest.Config, o Options) (func() error, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	kubelets, err := o.Kubelets.client()
	if err != nil {
		return nil, err
	}
	nodeInformers := informers.NewSharedInformerFactory(client, 0)
	nodeInformer := nodeInformers.Core().V1().Nodes()
	podLister, podsSynced, err := followPods(ctx, cfg)
	if err != nil {
		return nil, err
	}
	nodesSynced := nodeInformer.Informer().HasSynced
	nodeInformers.Start(ctx.Done())
	wait, cancel := context.WithTimeout(ctx, synced)
	defer cancel()
	if !cache.WaitForCacheSync(wait.Done(), nodesSynced, podsSynced) {
		return nil, fmt.Errorf("metrics: nodes and pods not known after %s", synced)
	}
	w := NewWindow()
	s, err := newServer(cfg, client, o, map[string]registry.Storage{
		"nodes": &nodes{nodeInformer.Lister(), w}, "pods": &pods{podLister, w},
	})
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	go (&Scraper{Nodes: nodeInformer.Lister(), Window: w, Client: kubelets}).Run(ctx)
	return func() error { return s.PrepareRun().RunWithContext(ctx) }, nil
}

func newServer(cfg *rest.Config, client kubernetes.Interface, o Options, resources map[string]registry.Storage) (*genericapiserver.GenericAPIServer, error) {
	c := genericapiserver.NewConfig(codecs)
	c.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	c.LoopbackClientConfig = cfg
	c.EnableMetrics, c.EnableProfiling, c.EnableIndex = false, false, false
	names := openapi.NewDefinitionNamer(scheme)
	c.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(generatedopenapi.GetOpenAPIDefinitions, names)
	c.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(generatedopenapi.GetOpenAPIDefinitions, names)
	for _, title := range []*string{&c.OpenAPIConfig.Info.Title, &c.OpenAPIV3Config.Info.Title} {
		*title = "metrics"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(o.IP, strconv.Itoa(o.Port)))
	if err != nil {
		return nil, err
	}
	c.ExternalAddress = l.Addr().String()
	front, err := dynamiccertificates.NewDynamicCAContentFromFile("front-proxy", o.FrontCA)
	if err != nil {
		return nil, err
	}
	cert, err := dynamiccertificates.NewDynamicServingContentFromFiles("metrics", o.Cert, o.Key)
	if err != nil {
		return nil, err
	}
	c.SecureServing = &genericapiserver.SecureServingInfo{Listener: l, Cert: cert, ClientCA: front}
	if err := guard(c, client, front); err != nil {
		return nil, err
	}
	s, err := c.Complete(nil).New("metrics", genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, err
	}
	group := genericapiserver.NewDefaultAPIGroupInfo(api.GroupName, scheme, metav1.ParameterCodec, codecs)
	group.VersionedResourcesStorageMap[v1beta1.SchemeGroupVersion.Version] = resources
	return s, s.InstallAPIGroup(&group)
}

// guard takes the user from the API server and asks it what the user may do.
func guard(c *genericapiserver.Config, client kubernetes.Interface, front dynamiccertificates.CAContentProvider) error {
	static := func(s ...string) headerrequest.StaticStringSlice { return s }
	headers := &authenticatorfactory.RequestHeaderConfig{
		CAContentProvider: front, AllowedClientNames: static("front-proxy-client"), UsernameHeaders: static("X-Remote-User"),
		UIDHeaders: static("X-Remote-Uid"), GroupHeaders: static("X-Remote-Group"), ExtraHeaderPrefixes: static("X-Remote-Extra-"),
	}
	c.Authentication.RequestHeaderConfig = headers
	who, _, err := authenticatorfactory.DelegatingAuthenticatorConfig{RequestHeaderConfig: headers}.New()
	if err != nil {
		return err
	}
	c.Authentication.Authenticator = who
	c.Authorization.Authorizer, err = authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: client.AuthorizationV1(), AllowCacheTTL: 10 * time.Second, DenyCacheTTL: 10 * time.Second,
		WebhookRetryBackoff: options.DefaultAuthWebhookRetryBackoff(),
	}.New()
	return err
}

// metadataLister finds pods in an informer of their metadata.
type metadataLister struct{ cache.GenericLister }

func followPods(ctx context.Context, cfg *rest.Config) (PodLister, cache.InformerSynced, error) {
	c, err := metadata.NewForConfig(cfg)
	if err != nil {
		return nil, nil, err
	}
	f := metadatainformer.NewSharedInformerFactory(c, 0)
	i := f.ForResource(v1.SchemeGroupVersion.WithResource("pods"))
	err = i.Informer().SetTransform(func(o any) (any, error) {
		if m, ok := o.(*metav1.PartialObjectMetadata); ok {
			m.ManagedFields, m.Annotations, m.OwnerReferences = nil, nil, nil
		}
		return o, nil
	})
	if err != nil {
		return nil, nil, err
	}
	l, has := i.Lister(), i.Informer().HasSynced
	f.Start(ctx.Done())
	return metadataLister{l}, has, nil
}

func (m metadataLister) List(namespace string, s labels.Selector) ([]*metav1.PartialObjectMetadata, error) {
	list := m.GenericLister.List
	if namespace != "" {
		list = m.ByNamespace(namespace).List
	}
	found, err := list(s)
	out := make([]*metav1.PartialObjectMetadata, 0, len(found))
	for _, o := range found {
		if p, ok := o.(*metav1.PartialObjectMetadata); ok {
			out = append(out, p)
		}
	}
	return out, err
}

func (m metadataLister) Get(namespace, name string) *metav1.PartialObjectMetadata {
	o, err := m.ByNamespace(namespace).Get(name)
	if err != nil {
		return nil
	}
	p, _ := o.(*metav1.PartialObjectMetadata)
	return p
}
