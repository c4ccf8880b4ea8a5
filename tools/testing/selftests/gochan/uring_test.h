/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of io_uring as the tests need, by raw system calls.
 */

#ifndef URING_TEST_H
#define URING_TEST_H

#include <dirent.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>

#include "gochan_test.h"

#define URING_ENTRIES	64

/**
 * struct uring - a ring of the process
 * @fd: its descriptor
 * @sq_tail: where the next request goes
 * @sq_mask: of positions in @sqes
 * @sq_array: the order of the requests
 * @sqes: the requests
 * @cq_head: the next completion to be taken
 * @cq_tail: and behind the last
 * @cq_mask: of positions in @cqes
 * @cqes: the completions
 */
struct uring {
	int fd;
	unsigned int *sq_tail;
	unsigned int sq_mask;
	unsigned int *sq_array;
	struct io_uring_sqe *sqes;
	unsigned int *cq_head;
	unsigned int *cq_tail;
	unsigned int cq_mask;
	struct io_uring_cqe *cqes;
};

static inline void *uring_map(int fd, size_t size, __u64 offset)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, fd, offset);

	if (mem == MAP_FAILED)
		abort();
	return mem;
}

/* Return 0, or -errno if the kernel has no io_uring, or not for this process. */
static inline int uring_init(struct uring *r)
{
	struct io_uring_params p = { 0 };
	void *sq, *cq;

	r->fd = syscall(SYS_io_uring_setup, URING_ENTRIES, &p);
	if (r->fd < 0)
		return -errno;
	sq = uring_map(r->fd, p.sq_off.array + p.sq_entries * sizeof(__u32),
		       IORING_OFF_SQ_RING);
	cq = uring_map(r->fd, p.cq_off.cqes +
		       p.cq_entries * sizeof(struct io_uring_cqe),
		       IORING_OFF_CQ_RING);
	r->sqes = uring_map(r->fd, p.sq_entries * sizeof(struct io_uring_sqe),
			    IORING_OFF_SQES);
	r->sq_tail = sq + p.sq_off.tail;
	r->sq_mask = *(unsigned int *)(sq + p.sq_off.ring_mask);
	r->sq_array = sq + p.sq_off.array;
	r->cq_head = cq + p.cq_off.head;
	r->cq_tail = cq + p.cq_off.tail;
	r->cq_mask = *(unsigned int *)(cq + p.cq_off.ring_mask);
	r->cqes = cq + p.cq_off.cqes;
	return 0;
}

/* The next request, to be filled in and handed over by uring_submit(). */
static inline struct io_uring_sqe *uring_request(struct uring *r, __u8 opcode,
						 int fd)
{
	unsigned int i = *r->sq_tail & r->sq_mask;
	struct io_uring_sqe *sqe = &r->sqes[i];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->fd = fd;
	r->sq_array[i] = i;
	return sqe;
}

/* Return 1, or -errno. */
static inline int uring_submit(struct uring *r)
{
	int ret;

	__atomic_store_n(r->sq_tail, *r->sq_tail + 1, __ATOMIC_RELEASE);
	ret = syscall(SYS_io_uring_enter, r->fd, 1, 0, 0, NULL, 0);
	return ret < 0 ? -errno : ret;
}

/* Take a completion; return false if there is none. */
static inline bool uring_completion(struct uring *r, struct io_uring_cqe *cqe)
{
	unsigned int head = *r->cq_head;

	syscall(SYS_io_uring_enter, r->fd, 0, 0, IORING_ENTER_GETEVENTS,
		NULL, 0);
	if (head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE))
		return false;
	*cqe = r->cqes[head & r->cq_mask];
	__atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Throw completions away, and return how many there were. */
static inline unsigned int uring_drain(struct uring *r)
{
	struct io_uring_cqe cqe;
	unsigned int n = 0;

	while (uring_completion(r, &cqe))
		n++;
	return n;
}

/* Read or write one message of 8 bytes, without a position. */
static inline int uring_move_u64(struct uring *r, __u8 opcode, int fd,
				 __u64 *value, __u8 flags)
{
	struct io_uring_sqe *sqe = uring_request(r, opcode, fd);

	sqe->addr = (uintptr_t)value;
	sqe->len = sizeof(*value);
	sqe->off = -1;
	sqe->flags = flags;
	return uring_submit(r);
}

/* Threads that the kernel has made for requests of this process that block. */
static inline int uring_workers(void)
{
	char path[300], name[16];
	struct dirent *task;
	int fd, n = 0;
	DIR *dir;

	dir = opendir("/proc/self/task");
	if (!dir)
		abort();
	while ((task = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm",
			 task->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, name, 7) == 7 && !memcmp(name, "iou-wrk", 7))
			n++;
		close(fd);
	}
	closedir(dir);
	return n;
}

#endif /* URING_TEST_H */
