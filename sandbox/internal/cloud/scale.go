package cloud

import (
	"context"
	"net/http"
)

// Demand is what one pod that no node can take asks for.
type Demand struct {
	CPUMilli    int64 `json:"cpuMilli"`
	MemoryBytes int64 `json:"memoryBytes"`
	// Like names nodes whose empty twin would take the pod.
	Like []string `json:"like"`
}

// ScaleRequest is what the cluster sees; the cloud decides.
type ScaleRequest struct {
	Unschedulable []Demand `json:"unschedulable"`
	// Ready are the nodes that have joined: the cloud's other machines are still on their way.
	Ready []string `json:"ready"`
	// Empty are nodes that could go; Drained are nodes that nothing runs on any more and that shall go now.
	Empty   []string `json:"empty"`
	Drained []string `json:"drained"`
}

// ScaleReply names machines: Added and Removed have happened, MayGo asks the cluster to drain.
type ScaleReply struct {
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
	MayGo   []string `json:"mayGo"`
}

// Scale reports; a refusal of the cloud (quota, missing type) comes back as an error in its own words.
func (c *Client) Scale(ctx context.Context, r *ScaleRequest) (*ScaleReply, error) {
	var out ScaleReply
	_, err := c.call(ctx, http.MethodPost, c.base+"/scale", r, &out)
	return &out, err
}
