/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory cgroups: processes in one of their own, and what it says they take.
 */

#ifndef GOCHAN_CGROUP_TEST_H
#define GOCHAN_CGROUP_TEST_H

#include "fail_test.h"

#define CGROUPS		"/sys/fs/cgroup/"

struct cgroup {
	char path[64];
};

static inline int cgroup_write(const struct cgroup *cg, const char *file,
			       const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", cg->path, file);
	return write_text(path, text);
}

/* Is there a memory controller, and may the test use it? */
static inline bool cgroup_make(struct cgroup *cg, const char *name)
{
	snprintf(cg->path, sizeof(cg->path), CGROUPS "gochan-%s", name);
	if (write_text(CGROUPS "cgroup.subtree_control", "+memory") ||
	    (mkdir(cg->path, 0755) && errno != EEXIST))
		return false;
	return !cgroup_write(cg, "memory.max", "max");
}

static inline void cgroup_remove(const struct cgroup *cg)
{
	rmdir(cg->path);
}

/* For a process that is about to be one of @cg. */
static inline bool cgroup_join(const struct cgroup *cg)
{
	return !cgroup_write(cg, "cgroup.procs", "0");
}

/* The number behind @key, or at the beginning of @file without one; or -1. */
static inline long long cgroup_read(const struct cgroup *cg, const char *file,
				    const char *key)
{
	char path[128], text[4096];
	const char *at = text;

	snprintf(path, sizeof(path), "%s/%s", cg->path, file);
	if (read_text(path, text, sizeof(text)))
		return -1;
	if (key)
		at = strstr(text, key);
	return at ? atoll(at + (key ? strlen(key) : 0)) : -1;
}

/* Wait until what processes left behind has been freed. */
static inline bool cgroup_settle(const struct cgroup *cg)
{
	__u64 end = in_ms(STATE_TIMEOUT / NSEC_PER_MSEC);
	unsigned int turn = 0;

	while (cgroup_read(cg, "memory.current", NULL) > 2 << 20) {
		if (now_ns(CLOCK_MONOTONIC) > end)
			return false;
		short_pause(turn++);
	}
	return true;
}

#endif /* GOCHAN_CGROUP_TEST_H */
