// Package shim is the first process of a pod or container. It is linked into a small static binary of its
// own, because the init functions of the node binary alone cost 0.16 s and 94 MB per container.
//
// The node starts it in new mount and pid namespaces and hands over what to do as JSON on descriptor 3;
// a failure comes back as text on descriptor 4, which closes silently when the program starts.
package shim

// Verbs of the binary, its first argument.
const (
	// VerbPause holds the namespaces of a pod.
	VerbPause = "pause"
	// VerbInit builds a container's file system and becomes its program.
	VerbInit = "init"
	// VerbExec runs one more program in a container.
	VerbExec = "exec"
)

// Descriptors the node passes.
const (
	SpecFD  = 3
	ErrorFD = 4
	// TargetFD is a pidfd of the process whose namespaces are joined: a number would mean another
	// process inside a new pid namespace.
	TargetFD = 5
)

// FailExit is the exit code when the program could not be started.
const FailExit = 127

// Mount binds a file or folder of the host into a container.
type Mount struct {
	Host string
	At   string
	RO   bool
	// Copy puts a copy of the file there instead, which the container may change, move and remove.
	Copy bool
}

// User is who runs the program.
type User struct {
	UID    int
	GID    int
	Groups []int
	// Name is looked up in the container's /etc/passwd when UID is negative.
	Name string
}

// Pause is the work order of VerbPause.
type Pause struct {
	Hostname string
	// Sysctls are settings of the IPC namespace, which only a process in it can write.
	Sysctls map[string]string
}

// Init is the work order of VerbInit.
type Init struct {
	// Scratch is an empty folder; the container's own files live in a tmpfs mounted there.
	Scratch  string
	HostNet  bool
	Args     []string
	Env      []string
	Cwd      string
	Mounts   []Mount
	User     User
	Limits   Limits
	RORoot   bool
	Rootless bool
}

// Exec is the work order of VerbExec.
type Exec struct {
	// Target is the container's first process, as the node sees it.
	Target int
	Args   []string
	Env    []string
	Cwd    string
	User   User
	Limits Limits
	TTY    bool
}
