// SPDX-License-Identifier: GPL-2.0-only
/*
 * GOCHAN_IOC_MAP_GET and GOCHAN_IOC_MAP_PUT of a map from words to words: see
 * word_arg.h.
 */

#include <linux/fs.h>
#include <linux/stddef.h>

#include "map_file.h"
#include "word_arg.h"

/*
 * Find key and value in an argument that names a word for each and asks for
 * nothing special. Return false if it is not like that.
 */
static __always_inline bool gochan_word_entry(const struct gochan_map_file *mf,
					      u64 __user *arg, u64 *key,
					      u64 __user **value)
{
	struct gochan_words w = { };

	BUILD_BUG_ON(sizeof(w) != sizeof(struct gochan_map_entry) ||
		     offsetof(struct gochan_words, a) !=
		     offsetof(struct gochan_map_entry, key) ||
		     offsetof(struct gochan_words, b) !=
		     offsetof(struct gochan_map_entry, value) ||
		     offsetof(struct gochan_words, c) !=
		     offsetof(struct gochan_map_entry, key_len));

	if (!GOCHAN_HAS_WORDS || !mf->words ||
	    !gochan_words_in(&w, arg,
			     gochan_pair(sizeof(struct gochan_map_entry), 0),
			     false))
		return false;
	*value = u64_to_user_ptr(w.b);
	return w.c == gochan_pair(sizeof(u64), sizeof(u64)) &&
	       !get_user(*key, (u64 __user *)u64_to_user_ptr(w.a));
}

/* GOCHAN_IOC_MAP_GET */
long gochan_word_get(struct file *file, unsigned long uarg)
{
	struct gochan_map_file *mf = file->private_data;
	u64 __user *to;
	u64 key, value;

	if (!gochan_word_entry(mf, (u64 __user *)uarg, &key, &to))
		return gochan_map_dispatch(file, GOCHAN_IOC_MAP_GET, uarg);
	if (!gomap_get(&mf->map, &key, &value))
		return -ENOENT;
	return gochan_put_user(to, &value, sizeof(value)) ? -EFAULT : 0;
}

/* GOCHAN_IOC_MAP_PUT */
long gochan_word_put(struct file *file, unsigned long uarg)
{
	struct gochan_map_file *mf = file->private_data;
	u64 __user *from;
	u64 key, value;

	if (!gochan_word_entry(mf, (u64 __user *)uarg, &key, &from) ||
	    get_user(value, from))
		return gochan_map_dispatch(file, GOCHAN_IOC_MAP_PUT, uarg);
	return gochan_map_store(mf, &key, &value, GOMAP_ANY);
}
