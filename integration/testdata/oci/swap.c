// Exchanges two names in a directory, for ever.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int dir;

	if (argc != 4 || (dir = open(argv[1], O_RDONLY | O_DIRECTORY)) < 0)
		return 2;
	for (;;)
		if (renameat2(dir, argv[2], dir, argv[3], RENAME_EXCHANGE)) {
			perror("renameat2");
			return 1;
		}
}
