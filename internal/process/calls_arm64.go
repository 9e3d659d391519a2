package process

var callNames = map[string]string{
	"22": "epoll_pwait", "25": "fcntl", "32": "flock", "63": "read", "64": "write", "72": "pselect6", "73": "ppoll", "95": "waitid", "98": "futex",
	"101": "nanosleep", "115": "clock_nanosleep", "202": "accept", "203": "connect", "206": "sendto", "207": "recvfrom", "211": "sendmsg",
	"212": "recvmsg", "242": "accept4", "260": "wait4",
}
