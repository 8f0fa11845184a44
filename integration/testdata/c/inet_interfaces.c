// laplace: same
// What a program is told of the loopback interface: getifaddrs, if_nameindex, ioctl.
#include "check.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

int main(void)
{
	struct ifaddrs *all;
	CHECK(getifaddrs(&all) == 0);
	int count = 0;
	for (struct ifaddrs *a = all; a; a = a->ifa_next) {
		char text[INET6_ADDRSTRLEN] = "", mask[INET6_ADDRSTRLEN] = "";
		if (strcmp(a->ifa_name, "lo") != 0)
			continue;
		count++;
		if (a->ifa_addr->sa_family == AF_INET) {
			inet_ntop(AF_INET, &((struct sockaddr_in *)a->ifa_addr)->sin_addr, text, sizeof text);
			inet_ntop(AF_INET, &((struct sockaddr_in *)a->ifa_netmask)->sin_addr, mask, sizeof mask);
		} else if (a->ifa_addr->sa_family == AF_INET6) {
			inet_ntop(AF_INET6, &((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr, text, sizeof text);
			inet_ntop(AF_INET6, &((struct sockaddr_in6 *)a->ifa_netmask)->sin6_addr, mask, sizeof mask);
		}
		printf("%s: family %d, flags %x, %s %s\n", a->ifa_name, a->ifa_addr->sa_family, a->ifa_flags, text, mask);
	}
	freeifaddrs(all);
	CHECK(count == 3);
	struct if_nameindex *names = if_nameindex();
	CHECK(names && names[0].if_index == 1 && strcmp(names[0].if_name, "lo") == 0);
	if (boxed())
		CHECK(names[1].if_index == 0);
	if_freenameindex(names);
	char name[IF_NAMESIZE];
	CHECK(if_nametoindex("lo") == 1 && if_indextoname(1, name) && strcmp(name, "lo") == 0);
	CHECK(if_nametoindex("none") == 0 && errno == ENODEV);

	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = {.ifr_name = "lo"};
	CHECK(ioctl(s, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags & (IFF_UP | IFF_LOOPBACK)) == (IFF_UP | IFF_LOOPBACK));
	CHECK(ioctl(s, SIOCGIFMTU, &r) == 0 && r.ifr_mtu == 65536);
	CHECK(ioctl(s, SIOCGIFADDR, &r) == 0);
	printf("%s", inet_ntoa(((struct sockaddr_in *)&r.ifr_addr)->sin_addr));
	CHECK(ioctl(s, SIOCGIFNETMASK, &r) == 0);
	printf(" %s", inet_ntoa(((struct sockaddr_in *)&r.ifr_addr)->sin_addr));
	CHECK(ioctl(s, SIOCGIFHWADDR, &r) == 0);
	printf(" %d\n", r.ifr_hwaddr.sa_family);
	struct ifreq list[16];
	struct ifconf c = {.ifc_len = sizeof list, .ifc_req = list};
	CHECK(ioctl(s, SIOCGIFCONF, &c) == 0 && c.ifc_len >= (int)sizeof *list && strcmp(list[0].ifr_name, "lo") == 0);

	int n = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	CHECK(n >= 0);
	struct sockaddr_nl a = {.nl_family = AF_NETLINK};
	socklen_t size = sizeof a;
	CHECK(getsockname(n, (struct sockaddr *)&a, &size) == 0 && size == sizeof a && a.nl_pid == 0);
	CHECK(bind(n, (struct sockaddr *)&a, sizeof a) == 0 && getsockname(n, (struct sockaddr *)&a, &size) == 0);
	CHECK(a.nl_pid == (unsigned)getpid());
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} q = {{.nlmsg_len = sizeof q, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 7}, {.ifi_index = 1}};
	char buf[8192];
	struct nlmsghdr *h = (struct nlmsghdr *)buf;
	CHECK(send(n, &q, sizeof q, 0) == sizeof q && recv(n, buf, sizeof buf, 0) > 0);
	struct ifinfomsg *i = NLMSG_DATA(h);
	CHECK(h->nlmsg_type == RTM_NEWLINK && h->nlmsg_seq == 7 && h->nlmsg_pid == a.nl_pid && i->ifi_index == 1);
	q.i.ifi_index = 77777;
	CHECK(send(n, &q, sizeof q, 0) == sizeof q && recv(n, buf, sizeof buf, 0) > 0);
	struct nlmsgerr *e = NLMSG_DATA(h);
	CHECK(h->nlmsg_type == NLMSG_ERROR && e->error == -ENODEV && e->msg.nlmsg_seq == 7);
	q.h.nlmsg_type = RTM_DELLINK;
	q.i.ifi_index = 1;
	CHECK(send(n, &q, sizeof q, 0) == sizeof q && recv(n, buf, sizeof buf, 0) > 0);
	CHECK(h->nlmsg_type == NLMSG_ERROR && e->error == -EPERM);
	CHECK_ERR(recv(n, buf, sizeof buf, MSG_DONTWAIT), EAGAIN);
	return 0;
}
