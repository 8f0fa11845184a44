package policy

import "golang.org/x/sys/unix"

const (
	whySocket = "sockets are the engine's, and reach no further than the box; one that has to do with another has the box make one call at a time"
	whySysV   = "System V communication is not supported yet; kernels built without it answer so"
	whyMQ     = "message queues are not supported yet; kernels built without them answer so"
)

// ipcRows are sockets, System V communication and message queues.
var ipcRows = []Row{
	unix.SYS_SOCKET: {Name: "socket", Class: Control,
		Args: "domain:family type:hex protocol:int", Access: "create channel", Why: whySocket},
	unix.SYS_SOCKETPAIR: {Name: "socketpair", Class: Control,
		Args: "domain:family type:hex protocol:int sv:out", Access: "create channel", Why: whySocket},
	unix.SYS_CONNECT: {Name: "connect", Class: Order,
		Args: "sockfd:fd addr:in addrlen:int", Access: "read entry, write channel", Why: whySocket},
	unix.SYS_BIND: {Name: "bind", Class: Order,
		Args: "sockfd:fd addr:in addrlen:int", Access: "create entry, write channel",
		Why: whySocket + "; the file of a path is made as by mknod, ports are counted up"},
	unix.SYS_LISTEN: {Name: "listen", Class: Order,
		Args: "sockfd:fd backlog:int", Access: "write channel", Why: whySocket},
	unix.SYS_ACCEPT: {Name: "accept", Class: Order,
		Args: "sockfd:fd addr:out addrlen:inout", Access: "read channel", Why: whySocket},
	unix.SYS_ACCEPT4: {Name: "accept4", Class: Order,
		Args: "sockfd:fd addr:out addrlen:inout flags:hex", Access: "read channel", Why: whySocket},
	unix.SYS_SENDTO: {Name: "sendto", Class: Order,
		Args: "sockfd:fd buf:in len:size flags:hex dest_addr:in addrlen:int", Access: "write channel", Why: whySocket},
	unix.SYS_RECVFROM: {Name: "recvfrom", Class: Order,
		Args: "sockfd:fd buf:out len:size flags:hex src_addr:out addrlen:inout", Access: "read channel", Why: whySocket},
	unix.SYS_SENDMSG: {Name: "sendmsg", Class: Order,
		Args: "sockfd:fd msg:in flags:hex", Access: "write channel", Why: whySocket + "; what descriptors lead to stays open while they are on their way"},
	unix.SYS_RECVMSG: {Name: "recvmsg", Class: Order,
		Args: "sockfd:fd msg:inout flags:hex", Access: "read channel", Why: whySocket + "; the kernel installs the descriptors that came with the bytes"},
	unix.SYS_SENDMMSG: {Name: "sendmmsg", Class: Order,
		Args: "sockfd:fd msgvec:inout vlen:uint flags:hex", Access: "write channel", Why: whySocket},
	unix.SYS_RECVMMSG: {Name: "recvmmsg", Class: Order,
		Args: "sockfd:fd msgvec:inout vlen:uint flags:hex timeout:inout", Access: "read channel", Why: whySocket},
	unix.SYS_SHUTDOWN: {Name: "shutdown", Class: Order,
		Args: "sockfd:fd how:int", Access: "write channel", Why: whySocket},
	unix.SYS_GETSOCKNAME: {Name: "getsockname", Class: Order,
		Args: "sockfd:fd addr:out addrlen:inout", Access: "read channel", Why: whySocket},
	unix.SYS_GETPEERNAME: {Name: "getpeername", Class: Order,
		Args: "sockfd:fd addr:out addrlen:inout", Access: "read channel", Why: whySocket},
	unix.SYS_SETSOCKOPT: {Name: "setsockopt", Class: Order,
		Args: "sockfd:fd level:int optname:int optval:in optlen:int", Access: "write channel", Why: whySocket + "; an option that nobody has judged is answered ENOPROTOOPT"},
	unix.SYS_GETSOCKOPT: {Name: "getsockopt", Class: Order,
		Args: "sockfd:fd level:int optname:int optval:out optlen:inout", Access: "read channel", Why: whySocket + "; an option that nobody has judged is answered ENOPROTOOPT"},

	unix.SYS_SHMGET: {Name: "shmget", Class: Refuse, Errno: unix.ENOSYS, Args: "key:int size:size shmflg:hex", Why: whySysV},
	unix.SYS_SHMAT:  {Name: "shmat", Class: Refuse, Errno: unix.ENOSYS, Args: "shmid:int shmaddr:addr shmflg:hex", Why: whySysV},
	unix.SYS_SHMDT:  {Name: "shmdt", Class: Refuse, Errno: unix.ENOSYS, Args: "shmaddr:addr", Why: whySysV},
	unix.SYS_SHMCTL: {Name: "shmctl", Class: Refuse, Errno: unix.ENOSYS, Args: "shmid:int op:int buf:inout", Why: whySysV},
	unix.SYS_SEMGET: {Name: "semget", Class: Refuse, Errno: unix.ENOSYS, Args: "key:int nsems:int semflg:hex", Why: whySysV},
	unix.SYS_SEMOP:  {Name: "semop", Class: Refuse, Errno: unix.ENOSYS, Args: "semid:int sops:in nsops:uint", Why: whySysV},
	unix.SYS_SEMTIMEDOP: {Name: "semtimedop", Class: Refuse, Errno: unix.ENOSYS,
		Args: "semid:int sops:in nsops:uint timeout:in", Why: whySysV},
	unix.SYS_SEMCTL: {Name: "semctl", Class: Refuse, Errno: unix.ENOSYS, Args: "semid:int semnum:int op:int arg:word", Why: whySysV},
	unix.SYS_MSGGET: {Name: "msgget", Class: Refuse, Errno: unix.ENOSYS, Args: "key:int msgflg:hex", Why: whySysV},
	unix.SYS_MSGSND: {Name: "msgsnd", Class: Refuse, Errno: unix.ENOSYS,
		Args: "msqid:int msgp:in msgsz:size msgflg:hex", Why: whySysV},
	unix.SYS_MSGRCV: {Name: "msgrcv", Class: Refuse, Errno: unix.ENOSYS,
		Args: "msqid:int msgp:out msgsz:size msgtyp:long msgflg:hex", Why: whySysV},
	unix.SYS_MSGCTL: {Name: "msgctl", Class: Refuse, Errno: unix.ENOSYS, Args: "msqid:int op:int buf:inout", Why: whySysV},

	unix.SYS_MQ_OPEN: {Name: "mq_open", Class: Refuse, Errno: unix.ENOSYS,
		Args: "name:str oflag:open mode:mode attr:in", Why: whyMQ},
	unix.SYS_MQ_UNLINK: {Name: "mq_unlink", Class: Refuse, Errno: unix.ENOSYS, Args: "name:str", Why: whyMQ},
	unix.SYS_MQ_TIMEDSEND: {Name: "mq_timedsend", Class: Refuse, Errno: unix.ENOSYS,
		Args: "mqdes:fd msg_ptr:in msg_len:size msg_prio:uint abs_timeout:in", Why: whyMQ},
	unix.SYS_MQ_TIMEDRECEIVE: {Name: "mq_timedreceive", Class: Refuse, Errno: unix.ENOSYS,
		Args: "mqdes:fd msg_ptr:out msg_len:size msg_prio:out abs_timeout:in", Why: whyMQ},
	unix.SYS_MQ_NOTIFY: {Name: "mq_notify", Class: Refuse, Errno: unix.ENOSYS, Args: "mqdes:fd sevp:in", Why: whyMQ},
	unix.SYS_MQ_GETSETATTR: {Name: "mq_getsetattr", Class: Refuse, Errno: unix.ENOSYS,
		Args: "mqdes:fd newattr:in oldattr:out", Why: whyMQ},
}
