/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault injection: the n-th allocation or user copy of a call fails. And small
 * files of /proc and /sys, read and written whole.
 */

#ifndef GOCHAN_FAIL_TEST_H
#define GOCHAN_FAIL_TEST_H

#include "gochan_test.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define FAIL_PAGE	"/sys/kernel/debug/fail_page_alloc/"
#define FAIL_NTH	"/proc/self/fail-nth"
#define FAIL_NTH_MAX	200

static inline int read_text(const char *path, char *text, size_t size)
{
	ssize_t len;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, size - 1);
	close(fd);
	text[len < 0 ? 0 : len] = '\0';
	return len < 0 ? -EIO : 0;
}

static inline int write_text(const char *path, const char *text)
{
	ssize_t len = strlen(text);
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != len)
		ret = -errno;
	close(fd);
	return ret;
}

/*
 * A debug kernel allocates in some calls more than in others: pages for slabs
 * and stack traces, objects for its own books. The n-th event of one call is
 * then not that of the next, and how many of them do something cannot be
 * counted. The user copies alone can: they are the same in each call.
 */
static inline bool fail_copies_alone(bool alone)
{
	/* No cache is marked for the filter, and no page is of that order. */
	return !write_text(FAILSLAB "cache-filter", alone ? "Y" : "N") &&
	       !write_text(FAIL_PAGE "min-order", alone ? "64" : "1");
}

/* Set up, as fail-nth spares allocations that may sleep unless told otherwise. */
static inline bool fail_nth_usable(int nth)
{
	if (nth < 0 || write_text(FAILSLAB "ignore-gfp-wait", "N"))
		return false;
	write_text(FAILSLAB "verbose", "0");
	write_text(FAIL_PAGE "ignore-gfp-wait", "N");
	write_text(FAIL_PAGE "verbose", "0");
	write_text("/sys/kernel/debug/fail_usercopy/verbose", "0");
	/* The settings outlive a test and its program. */
	return fail_copies_alone(false);
}

static inline void fail_nth_set(int nth, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	/* While armed, the write itself may be what meets the failure. */
	if (pwrite(nth, text, len, 0) != len &&
	    pwrite(nth, text, len, 0) != len)
		abort();
}

/* Disarms. Has the failure happened since it was asked for? */
static inline bool fail_nth_hit(int nth)
{
	char text[16] = "";
	bool hit;

	/* A read that fails has met it in place of the call before. */
	hit = pread(nth, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;
	fail_nth_set(nth, 0);
	return hit;
}

static inline bool injected(int error)
{
	return error == -ENOMEM || error == -EFAULT;
}

#endif /* GOCHAN_FAIL_TEST_H */
