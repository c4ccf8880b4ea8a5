/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Quotas: the limits that module parameters set, put back after a test, and
 * plain users to whom they apply.
 */

#ifndef GOCHAN_QUOTA_TEST_H
#define GOCHAN_QUOTA_TEST_H

#include <grp.h>

#include "fail_test.h"

#define PARAMETERS	"/sys/module/gochan/parameters/"
#define OBJECTS		PARAMETERS "max_user_objects"
#define BYTES		PARAMETERS "max_user_bytes"

struct quota_limits {
	char objects[32];
	char bytes[32];
};

static inline int quota_restore(const struct quota_limits *limits)
{
	int ret = write_text(OBJECTS, limits->objects);

	return ret ?: write_text(BYTES, limits->bytes);
}

/* Writing back what is there tells whether we may. */
static inline bool quota_save(struct quota_limits *limits)
{
	return !read_text(OBJECTS, limits->objects, sizeof(limits->objects)) &&
	       !read_text(BYTES, limits->bytes, sizeof(limits->bytes)) &&
	       !geteuid() && !quota_restore(limits);
}

/* Become a plain user, and open the device as one. */
static inline bool become(uid_t uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid))
		return false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(gochan_dev);
	gochan_dev = open(GOCHAN_DEVICE, O_RDWR | O_CLOEXEC);
	return gochan_dev >= 0;
}

#endif /* GOCHAN_QUOTA_TEST_H */
