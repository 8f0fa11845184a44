package procfs

// netRows are the files of a network namespace that holds a loopback interface
// and no socket; /proc/net leads to them. When a box has joined the host's
// network, the kernel's files are used instead.
var netRows = []Row{
	{Name: "net/arp", Disposition: Virtual, make: fixed("IP address       HW type     Flags       HW address            Mask     Device\n"), Why: whyNoNeighbours},
	{Name: "net/dev", Disposition: Virtual, make: fixed(netDev), Why: "the loopback interface, unused: counters move with every packet"},
	{Name: "net/if_inet6", Disposition: Virtual, make: fixed("00000000000000000000000000000001 01 80 10 80       lo\n"), Why: "the loopback interface's address"},
	{Name: "net/netlink", Disposition: Virtual, make: fixed("sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"), Why: whySockets},
	{Name: "net/packet", Disposition: Virtual, make: fixed("sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"), Why: whySockets},
	{Name: "net/raw", Disposition: Virtual, make: fixed(rawHeader), Why: whySockets},
	{Name: "net/raw6", Disposition: Virtual, make: fixed(udp6Header), Why: whySockets},
	{Name: "net/route", Disposition: Virtual, make: fixed("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       \n"), Why: whyNoNeighbours},
	{Name: "net/sockstat", Disposition: Virtual, make: fixed("sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 0 mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n"), Why: whySockets},
	{Name: "net/sockstat6", Disposition: Virtual, make: fixed("TCP6: inuse 0\nUDP6: inuse 0\nUDPLITE6: inuse 0\nRAW6: inuse 0\nFRAG6: inuse 0 memory 0\n"), Why: whySockets},
	{Name: "net/tcp", Disposition: Virtual, make: fixed(tcpHeader), Why: whySockets},
	{Name: "net/tcp6", Disposition: Virtual, make: fixed(tcp6Header), Why: whySockets},
	{Name: "net/udp", Disposition: Virtual, make: fixed(udpHeader), Why: whySockets},
	{Name: "net/udp6", Disposition: Virtual, make: fixed(udp6Header), Why: whySockets},
	{Name: "net/unix", Disposition: Virtual, make: fixed("Num       RefCount Protocol Flags    Type St Inode Path\n"), Why: whySockets},

	{Name: "net/netstat", Why: "its counters differ from kernel to kernel"},
	{Name: "net/protocols", Why: whyKernelConfig},
	{Name: "net/psched", Why: whyHostHardware},
	{Name: "net/snmp", Why: "its counters differ from kernel to kernel"},
	{Name: "net/softnet_stat", Why: whyHostLoad},
	{Name: "net/wireless", Why: whyHostHardware},
}

const (
	whySockets      = "sockets are shown by kernel addresses and inode numbers; none are listed"
	whyNoNeighbours = "the loopback interface has no routes or neighbours to list"
)

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
`

const (
	tcpHeader  = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n"
	tcp6Header = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	udpHeader  = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            \n"
	udp6Header = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
	rawHeader  = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
)
