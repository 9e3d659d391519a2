package main

// A peer that speaks frames/1: a language runtime, or a persistent middleware.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

type header struct {
	Type         string   `json:"type"`
	ID           string   `json:"id"`
	Hook         string   `json:"hook"`
	Length       int      `json:"length"`
	Capabilities []string `json:"capabilities"`
	Context      struct {
		RequestID string `json:"requestId"`
	} `json:"context"`
}

// call is one that came.
type call struct {
	header
	place   string
	payload []byte
}

var (
	calls = os.NewFile(4, "calls")
	in    = bufio.NewReaderSize(calls, 64*1024)
	out   = os.NewFile(3, "answers")

	// taking is held while calls are taken, so that the journal knows of all that was read when the process ends.
	taking  sync.Mutex
	deaf    bool
	writing sync.Mutex
	mute    bool

	woken, wake, _ = os.Pipe()           // a byte has the calls' end closed
	unheard        = make(chan struct{}) // closed when it is

	cancels sync.Map // by the ID of a call: closed when it is to stop
)

func frames() {
	hello, _, err := read()
	if err != nil {
		return
	}
	wants := slices.DeleteFunc(hello.Capabilities, func(c string) bool { return c == "multiplex" && os.Getenv("CHAOS_SINGLE") != "" })
	ready, err := json.Marshal(map[string]any{"type": "ready", "version": 1, "capabilities": wants})
	if err != nil {
		return
	}
	write(string(ready) + "\n")
	for {
		if !await() {
			syscall.Close(4)
			close(unheard)
			forever()
		}
		taking.Lock()
		if deaf {
			taking.Unlock()
			forever()
		}
		for begun := false; !begun || in.Buffered() > 0; begun = true {
			take()
		}
		taking.Unlock()
	}
}

// take takes one frame. What is asked at once is answered at once.
func take() {
	h, payload, err := read()
	switch {
	case err != nil, h.Type == "shutdown":
		os.Exit(0)
	case h.Type == "cancel":
		if c, ok := cancels.Load(h.ID); ok {
			close(c.(chan struct{}))
			cancels.Delete(h.ID)
		}
	case h.Type == "invoke":
		c := &call{header: h, place: me, payload: payload}
		if h.Hook != "" {
			c.place += "-" + h.Hook
		}
		c.say("take")
		cancels.Store(h.ID, make(chan struct{}))
		go c.act()
	}
}

func read() (h header, payload []byte, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return h, nil, err
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return h, nil, err
	}
	payload = make([]byte, h.Length)
	_, err = io.ReadFull(in, payload)
	return h, payload, err
}

// await waits until there is something to read, and takes none of it; or until it is woken.
func await() (some bool) {
	type poll struct {
		fd              int32
		events, revents int16
	}
	const readable = 1
	for {
		both := [2]poll{{fd: 4, events: readable}, {fd: int32(woken.Fd()), events: readable}}
		if n, _, _ := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&both)), 2, 0, 0, 0, 0); int(n) > 0 {
			return both[1].revents == 0
		}
	}
}

func write(text string) {
	writing.Lock()
	defer writing.Unlock()
	if !mute {
		_, _ = io.WriteString(out, text)
	}
}

func (c *call) say(what string) { say(c.place, c.Context.RequestID, what) }

// answer writes a frame for the call.
func (c *call) answer(kind, more string, payload []byte) { write(c.frame(kind, more, payload)) }

func (c *call) frame(kind, more string, payload []byte) string {
	return fmt.Sprintf(`{"type":%q,"id":%q%s,"length":%d}`+"\n%s", kind, c.ID, more, len(payload), payload)
}

// ends ends the process, with the journal complete.
func (c *call) ends(status int) {
	taking.Lock()
	c.say("exit")
	if status < 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		forever()
	}
	os.Exit(status)
}

// babbles says what is no frame, and nothing after it.
func (c *call) babbles(text string) {
	taking.Lock()
	c.say("protocol")
	deaf = true
	taking.Unlock()
	write(text)
}

func (c *call) act() {
	defer cancels.Delete(c.ID)
	id := c.Context.RequestID
	result := mark(c.payload, c.place, 0)
	switch word(id, c.place) {
	case "slow":
		time.Sleep(short)
	case "observe":
		c.unchanged()
		return
	case "crash":
		c.ends(3)
	case "exit0":
		c.ends(0)
	case "kill":
		c.ends(-1)
	case "hang":
		return // with several at once the others go on
	case "heed":
		c.heed()
		return
	case "flood":
		flood()
	case "garbage":
		c.babbles(string(garbage))
		return
	case "noid":
		c.babbles(`{"type":"result","length":0}` + "\n")
		return
	case "half":
		c.half(result)
	case "close":
		if !left.Load() {
			c.close()
			return
		}
	case "deaf":
		if !left.Load() {
			wake.Write([]byte{0})
			<-unheard
		}
	case "fork":
		leave("1", out, calls)
	case "daemon":
		leave("300", out, calls)
	case "error":
		c.answer("error", "", []byte(`{"errorType":"Function.Chaos","errorMessage":"`+id+`"}`))
		return
	case "respond":
		c.answer("result", `,"respond":true`, result)
		return
	case "handle":
		c.answer("result", `,"respond":true`, handled(id))
		return
	case "replace":
		c.answer("result", "", replaced(id))
		return
	case "big":
		result = mark(c.payload, c.place, large)
	case "twice":
		c.answer("result", "", result)
	case "stray":
		write(`{"type":"result","id":"nobody","length":0}` + "\n")
	case "stream", "streamerror", "streamdie":
		c.stream(result, word(id, c.place))
		return
	case "last":
		taking.Lock()
		c.say("exit")
		c.answer("result", "", result)
		os.Exit(5)
	}
	if strings.HasSuffix(c.place, "-error") {
		c.unchanged()
		return
	}
	c.answer("result", "", result)
}

func (c *call) unchanged() {
	write(fmt.Sprintf(`{"type":"result","id":%q,"unchanged":true}`+"\n", c.ID))
}

// heed waits for the word that it is to stop, and stops.
func (c *call) heed() {
	if stop, ok := cancels.Load(c.ID); ok {
		<-stop.(chan struct{})
	}
	c.answer("error", "", []byte(`{"errorType":"Function.Heeded","errorMessage":"stopped"}`))
}

// half dies within its answer.
func (c *call) half(result []byte) {
	whole := c.frame("result", "", result)
	taking.Lock()
	writing.Lock()
	c.say("exit")
	_, _ = io.WriteString(out, whole[:len(whole)-3])
	os.Exit(4)
}

// close closes what the answers go to.
func (c *call) close() {
	taking.Lock()
	defer taking.Unlock()
	writing.Lock()
	defer writing.Unlock()
	c.say("protocol")
	mute, deaf = true, true
	syscall.Close(3)
}

// stream answers in three pieces.
func (c *call) stream(result []byte, how string) {
	third := len(result) / 3
	c.answer("chunk", "", result[:third])
	c.answer("chunk", "", nil)
	switch how {
	case "streamerror":
		c.answer("error", "", []byte(`{"errorType":"Function.Chaos","errorMessage":"`+c.Context.RequestID+`"}`))
		return
	case "streamdie":
		c.ends(3)
	}
	c.answer("chunk", "", result[third:])
	c.answer("end", "", nil)
}
