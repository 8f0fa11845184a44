// laplace: same
// getaddrinfo and getnameinfo of what needs no network.
#include "check.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

static void look(const char *host, const char *service, int flags)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags, .ai_family = AF_INET}, *all;
	int r = getaddrinfo(host, service, &hints, &all);
	printf("%s %s:", host ? host : "-", service ? service : "-");
	if (r != 0) {
		printf(" %s\n", gai_strerror(r));
		return;
	}
	struct sockaddr_in *s = (struct sockaddr_in *)all->ai_addr; /* the first: /etc/hosts may name it twice */
	printf(" %s:%d\n", inet_ntoa(s->sin_addr), ntohs(s->sin_port));
	freeaddrinfo(all);
}

int main(void)
{
	char name[64];
	look("localhost", "80", 0);
	look("127.0.0.3", "http", 0);
	look(NULL, "8080", AI_PASSIVE);
	look(NULL, "8080", 0);
	look("not.a.number", "1", AI_NUMERICHOST);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK(getnameinfo((struct sockaddr *)&a, sizeof a, name, sizeof name, NULL, 0, 0) == 0);
	printf("%s\n", name);
	return 0;
}
