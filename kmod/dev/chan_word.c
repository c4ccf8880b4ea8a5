// SPDX-License-Identifier: GPL-2.0-only
/*
 * GOCHAN_IOC_SEND and GOCHAN_IOC_RECV of one word, on a channel that has no
 * other messages: see word_arg.h.
 */

#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/stddef.h>

#include "chan_file.h"
#include "word_arg.h"

/* Is it a file for words, of a caller who may do this, and may wait? */
static __always_inline bool gochan_takes_words(const struct file *file,
					       fmode_t mode)
{
	const struct gochan_chan_obj *co = file->private_data;

	return GOCHAN_HAS_WORDS && co->words && file->f_mode & mode &&
	       !(file->f_flags & O_NONBLOCK);
}

/*
 * Find the buffer in an argument that asks for nothing but to send or receive a
 * word. With @results, see to it that they can be written. Return false if it is
 * not like that.
 */
static __always_inline bool gochan_word_msg(u64 __user *arg, bool results,
					    u64 __user **buf)
{
	struct gochan_words w = { };

	BUILD_BUG_ON(sizeof(w) != sizeof(struct gochan_msg) ||
		     offsetof(struct gochan_words, a) !=
		     offsetof(struct gochan_msg, buf) ||
		     offsetof(struct gochan_words, b) !=
		     offsetof(struct gochan_msg, len) ||
		     offsetof(struct gochan_words, c) !=
		     offsetof(struct gochan_msg, deadline));

	if (!gochan_words_in(&w, arg, gochan_pair(sizeof(struct gochan_msg), 0),
			     results))
		return false;
	*buf = u64_to_user_ptr(w.a);
	/* A send refuses a word behind the length that is not 0. */
	return (results ? gochan_first(w.b) == sizeof(u64) :
			  w.b == gochan_pair(sizeof(u64), 0)) &&
	       w.c == GOCHAN_NO_DEADLINE;
}

/* As gochan_probe_write(). */
static __always_inline bool gochan_can_write_word(u64 __user *to)
{
	u64 word;

	if (!user_access_begin(to, sizeof(*to)))
		return false;
	unsafe_get_user(word, to, fault);
	unsafe_put_user(word, to, fault);
	user_access_end();
	return true;

fault:
	user_access_end();
	return false;
}

/* GOCHAN_IOC_SEND */
long gochan_word_send(struct file *file, unsigned long uarg)
{
	struct gochan_chan_obj *co = file->private_data;
	u64 __user *from;
	u64 word;

	if (!gochan_takes_words(file, FMODE_WRITE) ||
	    !gochan_word_msg((u64 __user *)uarg, false, &from) ||
	    get_user(word, from))
		return gochan_chan_dispatch(file, GOCHAN_IOC_SEND, uarg);
	return gochan_send_wait(co->ch, &word, &gochan_forever);
}

/* GOCHAN_IOC_RECV */
long gochan_word_recv(struct file *file, unsigned long uarg)
{
	struct gochan_chan_obj *co = file->private_data;
	struct gochan_msg __user *arg = (struct gochan_msg __user *)uarg;
	u64 __user *to;
	u64 word;
	bool ok;
	int err;

	if (!gochan_takes_words(file, FMODE_READ) ||
	    !gochan_word_msg((u64 __user *)uarg, true, &to) ||
	    !gochan_can_write_word(to))
		return gochan_chan_dispatch(file, GOCHAN_IOC_RECV, uarg);
	err = gochan_recv_wait(co->ch, &word, &ok, &gochan_forever);
	if (err)
		return err;
	/* The end reads as a zero value. Faults: see gochan_recv_staged(). */
	return put_user(word, to) || put_user(ok, &arg->ok) ? -EFAULT : 0;
}
