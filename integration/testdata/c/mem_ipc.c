// laplace: pinned refused=*
// System V and POSIX IPC objects: a box starts without any, and numbers its own.
#include "check.h"
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

int main(void)
{
	errno = 0;
	int shm = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	printf("shmget %d %s\n", shm, errname(errno));
	if (shm >= 0) {
		char *p = shmat(shm, NULL, 0);
		printf("shmat %p\n", (void *)p);
		CHECK(p != (void *)-1);
		p[0] = 'x';
		struct shmid_ds ds;
		CHECK(shmctl(shm, IPC_STAT, &ds) == 0);
		printf("ctime %ld atime %ld cpid %d\n", ds.shm_ctime, ds.shm_atime, ds.shm_cpid);
		CHECK(shmdt(p) == 0 && shmctl(shm, IPC_RMID, NULL) == 0);
	}
	errno = 0;
	int msg = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	printf("msgget %d %s\n", msg, errname(errno));
	if (msg >= 0) {
		struct {
			long type;
			char text[8];
		} m = {1, "hello"};
		CHECK(msgsnd(msg, &m, 8, 0) == 0 && msgrcv(msg, &m, 8, 0, 0) == 8 && msgctl(msg, IPC_RMID, NULL) == 0);
	}
	errno = 0;
	int sem = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	printf("semget %d %s\n", sem, errname(errno));
	if (sem >= 0)
		CHECK(semctl(sem, 0, IPC_RMID) == 0);
	errno = 0;
	int fd = shm_open("/laplace-test", O_RDWR | O_CREAT | O_EXCL, 0600);
	printf("shm_open %s\n", fd < 0 ? errname(errno) : "ok");
	if (fd >= 0)
		CHECK(shm_unlink("/laplace-test") == 0);
	errno = 0;
	mqd_t q = mq_open("/laplace-test", O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
	printf("mq_open %s\n", q == (mqd_t)-1 ? errname(errno) : "ok");
	if (q != (mqd_t)-1)
		CHECK(mq_unlink("/laplace-test") == 0);
	return 0;
}
