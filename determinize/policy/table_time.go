package policy

import "golang.org/x/sys/unix"

const (
	whyClock   = "the time is virtual"
	whySetTime = "the clock is the host's"
	whySleep   = "waits for virtual time, and other tasks run meanwhile; nothing really sleeps"
	whyTimer   = "a timer goes by its process's own clock: it expires at a call, or passes the time of who waits"
	whyTimerFD = "a timer that the engine holds, and that goes by the clock of who looks at it; a box with one makes one call at a time"
)

// timeRows are the calls on clocks, sleeps and timers.
var timeRows = []Row{
	unix.SYS_CLOCK_GETTIME: {Name: "clock_gettime", Class: Emulate, Args: "clockid:clock tp:out", Why: whyClock},
	unix.SYS_CLOCK_GETRES: {Name: "clock_getres", Class: Emulate, Args: "clockid:clock res:out",
		Why: "the resolution, and which clocks exist, depend on the host"},
	unix.SYS_GETTIMEOFDAY: {Name: "gettimeofday", Class: Emulate, Args: "tv:out tz:out", Why: whyClock},
	unix.SYS_TIME:         {Name: "time", Class: Emulate, Args: "tloc:out", Why: whyClock},
	unix.SYS_TIMES: {Name: "times", Class: Emulate, Args: "buf:out",
		Why: whyClock + "; processor time is a function of the process's own calls"},
	unix.SYS_CLOCK_SETTIME: {Name: "clock_settime", Class: Refuse, Errno: unix.EPERM,
		Args: "clockid:clock tp:in", Why: whySetTime},
	unix.SYS_SETTIMEOFDAY: {Name: "settimeofday", Class: Refuse, Errno: unix.EPERM,
		Args: "tv:in tz:in", Why: whySetTime},
	unix.SYS_ADJTIMEX: {Name: "adjtimex", Class: Refuse, Errno: unix.EPERM,
		Args: "buf:inout", Why: whySetTime + ", and so is the state of its synchronisation, which reading would show"},
	unix.SYS_CLOCK_ADJTIME: {Name: "clock_adjtime", Class: Refuse, Errno: unix.EPERM,
		Args: "clockid:clock buf:inout", Why: whySetTime + ", and so is the state of its synchronisation, which reading would show"},

	unix.SYS_NANOSLEEP: {Name: "nanosleep", Class: Order, Args: "duration:in rem:out", Why: whySleep},
	unix.SYS_CLOCK_NANOSLEEP: {Name: "clock_nanosleep", Class: Order,
		Args: "clockid:clock flags:hex t:in remain:out", Why: whySleep},

	unix.SYS_ALARM:     {Name: "alarm", Class: Emulate, Args: "seconds:uint", Why: whyTimer},
	unix.SYS_GETITIMER: {Name: "getitimer", Class: Emulate, Args: "which:int curr_value:out", Why: whyTimer},
	unix.SYS_SETITIMER: {Name: "setitimer", Class: Emulate,
		Args: "which:int new_value:in old_value:out", Why: whyTimer},
	unix.SYS_TIMER_CREATE: {Name: "timer_create", Class: Emulate,
		Args: "clockid:clock sevp:in timerid:out", Why: whyTimer},
	unix.SYS_TIMER_SETTIME: {Name: "timer_settime", Class: Emulate,
		Args: "timerid:int flags:hex new_value:in old_value:out", Why: whyTimer},
	unix.SYS_TIMER_GETTIME: {Name: "timer_gettime", Class: Emulate,
		Args: "timerid:int curr_value:out", Why: whyTimer},
	unix.SYS_TIMER_GETOVERRUN: {Name: "timer_getoverrun", Class: Emulate,
		Args: "timerid:int", Why: whyTimer},
	unix.SYS_TIMER_DELETE: {Name: "timer_delete", Class: Emulate,
		Args: "timerid:int", Why: whyTimer},
	unix.SYS_TIMERFD_CREATE: {Name: "timerfd_create", Class: Order,
		Args: "clockid:clock flags:open", Why: whyTimerFD},
	unix.SYS_TIMERFD_SETTIME: {Name: "timerfd_settime", Class: Order,
		Args: "fd:fd flags:hex new_value:in old_value:out", Why: whyTimerFD},
	unix.SYS_TIMERFD_GETTIME: {Name: "timerfd_gettime", Class: Order,
		Args: "fd:fd curr_value:out", Why: whyTimerFD},
}
