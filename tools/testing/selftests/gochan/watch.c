// SPDX-License-Identifier: GPL-2.0
/*
 * inotify and fanotify marks on channels and maps. A mark may outlive the object
 * and the filesystem that its inode is in.
 *
 * The device that gochan_test.h opens is not used here, so that a peer's last
 * close is the last one of all.
 */

#include <sys/fanotify.h>
#include <sys/inotify.h>

#include "map_test.h"

/* A device of its own for the calling process. */
static int own_device(void)
{
	gochan_dev = open(GOCHAN_DEVICE, O_RDWR | O_CLOEXEC);
	return gochan_dev;
}

static const char *proc_path(int fd)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static int watch_inotify(int watcher, int fd)
{
	return inotify_add_watch(watcher, proc_path(fd), IN_ALL_EVENTS) < 0 ?
	       -errno : 0;
}

static int watch_fanotify(int watcher, int fd)
{
	return fanotify_mark(watcher, FAN_MARK_ADD,
			     FAN_ACCESS | FAN_MODIFY | FAN_CLOSE, AT_FDCWD,
			     proc_path(fd)) < 0 ? -errno : 0;
}

/* Make objects, have them watched, use them and close them all. */
static int watch_and_close(int watcher, int (*watch)(int watcher, int fd))
{
	__u64 value = 1;
	int chan, map, end;

	if (own_device() < 0)
		return PEER_FAILED;
	chan = chan_create(0, sizeof(value), 1);
	map = map_create(0, 8, 8);
	if (chan < 0 || map < 0)
		return PEER_FAILED;
	end = chan_restrict(chan, GOCHAN_RIGHT_RECV);
	if (end < 0)
		return PEER_FAILED;
	if (watch(watcher, chan) || watch(watcher, map) || watch(watcher, end))
		return PEER_FAILED;
	if (fd_write(chan, &value, sizeof(value)) != sizeof(value) ||
	    fd_read(end, &value, sizeof(value)) != sizeof(value))
		return PEER_FAILED;
	close(chan);
	close(map);
	close(gochan_dev);
	/* The last of all. */
	close(end);
	return 0;
}

static int peer_inotify(struct peer *peer)
{
	return watch_and_close(peer->fd, watch_inotify);
}

static int peer_fanotify(struct peer *peer)
{
	return watch_and_close(peer->fd, watch_fanotify);
}

TEST(last_close_returns_under_an_inotify_watch)
{
	struct peer *peer;
	int watcher, turn;

	watcher = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watcher < 0)
		SKIP(return, "no inotify: %s", strerror(errno));
	for (turn = 0; turn < 3; turn++) {
		peer = peer_start(peer_inotify, watcher, 0);
		ASSERT_TRUE(wait_for(peer_done(peer)));
		EXPECT_EQ(0, peer_join(peer));
	}
	close(watcher);
}

TEST(last_close_returns_under_a_fanotify_mark)
{
	struct peer *peer;
	int watcher, turn;

	watcher = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_CLOEXEC,
				O_RDONLY);
	if (watcher < 0)
		SKIP(return, "no fanotify: %s", strerror(errno));
	for (turn = 0; turn < 3; turn++) {
		peer = peer_start(peer_fanotify, watcher, 0);
		ASSERT_TRUE(wait_for(peer_done(peer)));
		EXPECT_EQ(0, peer_join(peer));
	}
	close(watcher);
}

/* Return when the module's device has gone. */
static void await_unload(int watcher)
{
	union {
		struct inotify_event first;
		char bytes[4096];
	} buf;
	const struct inotify_event *event;
	ssize_t len, pos;

	while ((len = read(watcher, &buf, sizeof(buf))) > 0) {
		for (pos = 0; pos < len; pos += sizeof(*event) + event->len) {
			event = (void *)(buf.bytes + pos);
			if (event->mask & IN_DELETE && event->len &&
			    !strcmp(event->name, "gochan"))
				return;
		}
	}
}

/* A daemon that has nothing but the watches. */
static int peer_watch_until_unload(struct peer *peer)
{
	int watcher = inotify_init1(IN_CLOEXEC);
	int fd, ret;

	if (watcher < 0 || setsid() < 0)
		return PEER_FAILED;
	ret = watch_and_close(watcher, watch_inotify);
	if (ret)
		return ret;
	if (inotify_add_watch(watcher, "/dev", IN_DELETE) < 0)
		return PEER_FAILED;
	for (fd = 0; fd < 256; fd++)
		if (fd != watcher)
			close(fd);
	peer_ready(peer);
	await_unload(watcher);
	return 0;
}

/*
 * The daemon is still there when the module is unloaded, with the watches of a
 * moment ago: the run of the tests ends with that.
 */
TEST(watch_is_left_behind_until_the_module_is_unloaded)
{
	struct peer *peer;
	int watcher;
	pid_t pid;

	watcher = inotify_init1(IN_CLOEXEC);
	if (watcher < 0)
		SKIP(return, "no inotify: %s", strerror(errno));
	close(watcher);
	peer = peer_new(-1, 0);
	fflush(NULL);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* Nobody's child, so that it outlives the test. */
		if (!fork())
			peer->ret = peer_watch_until_unload(peer);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	ASSERT_TRUE(wait_for(__atomic_load_n(&peer->ready, __ATOMIC_ACQUIRE)));
	EXPECT_EQ(PEER_NO_RESULT, peer->ret);
}

TEST_HARNESS_MAIN
