package namespace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/serverless/open-runtime/internal/owner"
)

// A backstop is a memory cgroup around the whole sandbox. The supervisor watches memory itself and knows better what
// counts; the cgroup catches what allocates faster than anyone watches. Where none may be written there is none.
type backstop struct {
	dir   string
	limit string // the file with the limit
	loose bool   // processes have no limit
	count string // the cgroup that counts processes, where that is another one; may be empty
	born  bool   // the process was born in it
}

// supervisorAllowance is what the supervisor itself may use on top of the function's memory and /tmp.
const supervisorAllowance = 64 << 20

// mostProcesses is Lambda's limit of processes and threads, and room for the supervisor's own.
const mostProcesses = 1024 + 64

// backstopPrefix begins the name of every cgroup of ours: sor-MARK-N, with the mark of the sor that made it, so that the
// next one can tell which were left behind by a kill.
const backstopPrefix = "sor-"

var backstops atomic.Int64

// newBackstop makes a cgroup, in the first place where it works. It sweeps stale ones there first.
func newBackstop(memoryMB, tmpMB int, loose bool) (*backstop, error) {
	places, err := memoryCgroups()
	if err != nil {
		return nil, err
	}
	limit := int64(memoryMB+tmpMB)<<20 + supervisorAllowance
	name := fmt.Sprintf("%s%s-%d", backstopPrefix, owner.Mark(), backstops.Add(1))
	refused := errors.New("there is no memory cgroup")
	for _, place := range places {
		sweepBackstops(place.dir)
		b := &backstop{dir: filepath.Join(place.dir, name), limit: place.limit, loose: loose}
		if refused = b.create(limit); refused == nil {
			b.createCount(name)
			return b, nil
		}
	}
	return nil, refused
}

func (b *backstop) create(limit int64) error {
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		return err
	}
	// Without O_CREATE: in a cgroup without the memory controller there is no such file, and that must be an error.
	err := writeControl(filepath.Join(b.dir, b.limit), strconv.FormatInt(limit, 10))
	if err != nil {
		return errors.Join(err, os.Remove(b.dir))
	}
	// No swap: a function that is slow because it swaps is nothing that Lambda knows. Not every kernel counts swap.
	_ = writeControl(filepath.Join(b.dir, "memory.swap.max"), "0")
	// Processes and threads as on Lambda. Version 1 counts them in a tree of its own.
	if !b.loose {
		_ = writeControl(filepath.Join(b.dir, "pids.max"), strconv.Itoa(mostProcesses))
	}
	_ = writeControl(filepath.Join(b.dir, "memory.memsw.limit_in_bytes"), strconv.FormatInt(limit, 10))
	return nil
}

// createCount makes the cgroup that counts processes where version 1 has a tree for them. Where none may be made, they
// have no limit.
func (b *backstop) createCount(name string) {
	if b.limit != limitV1 || b.loose {
		return
	}
	parent, err := countingCgroup()
	if err != nil {
		return
	}
	sweepBackstops(parent)
	dir := filepath.Join(parent, name)
	if os.Mkdir(dir, 0o755) != nil {
		return
	}
	if writeControl(filepath.Join(dir, "pids.max"), strconv.Itoa(mostProcesses)) != nil {
		_ = os.Remove(dir)
		return
	}
	b.count = dir
}

// add puts a process, and so all that it will start, into the cgroup.
func (b *backstop) add(pid int) error {
	for _, dir := range b.dirs() {
		if err := writeControl(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// around has a process born in the cgroups of version 1, by a thread that goes there and comes back: a thread that moves
// itself waits for nobody, while to move another process the kernel waits until no processor is in the midst of a fork or an
// exit, which takes longer than all else that a sandbox needs. Where that can't be, the process is outside, and to be added.
func (b *backstop) around(fork func()) {
	if b == nil {
		fork()
		return
	}
	back, err := b.enter()
	b.born = err == nil
	fork()
	for _, home := range back {
		_, _ = home.WriteString("0") // one that stays comes back with the next
		home.Close()
	}
}

// enter takes the calling thread into the cgroups, and gives the files of those it came from.
func (b *backstop) enter() (back []*os.File, err error) {
	if b.limit != limitV1 {
		return nil, errors.New("threads have no cgroup of their own in version 2")
	}
	for _, dir := range b.dirs() {
		home, err := openHome(filepath.Dir(dir))
		if err != nil {
			return back, err
		}
		if err := writeControl(filepath.Join(dir, tasksV1), "0"); err != nil {
			home.Close()
			return back, err
		}
		back = append(back, home)
	}
	return back, nil
}

// tasksV1 is the file of a cgroup of version 1 with its threads. 0 is who writes it.
const tasksV1 = "tasks"

// openHome opens the file by which the calling thread comes back to a cgroup. It must be in it.
func openHome(dir string) (*os.File, error) {
	name := filepath.Join(dir, tasksV1)
	threads, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(strings.Fields(string(threads)), strconv.Itoa(unix.Gettid())) {
		return nil, fmt.Errorf("this thread is not in %s", dir)
	}
	return os.OpenFile(name, os.O_WRONLY, 0)
}

// killed says whether the kernel has killed for memory here.
func (b *backstop) killed() bool {
	for _, name := range []string{"memory.events", "memory.oom_control"} { // of version 2, and of version 1
		data, err := os.ReadFile(filepath.Join(b.dir, name))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if count, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok && count != "0" {
				return true
			}
		}
	}
	return false
}

// remove removes the cgroup, whose processes must be gone.
func (b *backstop) remove() error {
	var failed error
	for _, dir := range b.dirs() {
		if err := os.Remove(dir); err != nil && !os.IsNotExist(err) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

func (b *backstop) dirs() []string {
	if b.count == "" {
		return []string{b.dir}
	}
	return []string{b.dir, b.count}
}

func writeControl(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// sweepBackstops removes the cgroups in dir whose sor is gone. One that still has processes stays: the kernel refuses.
func sweepBackstops(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		mark, ok := strings.CutPrefix(entry.Name(), backstopPrefix)
		if last := strings.LastIndexByte(mark, '-'); ok && last > 0 && owner.Gone(mark[:last]) {
			_ = syscall.Rmdir(filepath.Join(dir, entry.Name()))
		}
	}
}
