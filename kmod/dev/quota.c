// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each user may make the kernel keep: a number of objects and of bytes,
 * on top of what the memory cgroup says. The user is the real uid of the
 * process that makes an object; CAP_SYS_RESOURCE is counted but not limited.
 * A user who owns many uids, as user namespaces give out, has as many accounts;
 * the memory cgroup is what holds then.
 *
 * An account exists while its user has objects. The table's mutex protects the
 * table and all accounts.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "internal.h"

/* Room for a few hundred pipes' worth of rings, and as many as fds. */
static unsigned long max_user_bytes = 64UL << 20;
module_param(max_user_bytes, ulong, 0644);
MODULE_PARM_DESC(max_user_bytes, "bytes that the objects of one user may take");

static unsigned int max_user_objects = 4096;
module_param(max_user_objects, uint, 0644);
MODULE_PARM_DESC(max_user_objects, "objects that one user may have");

/**
 * struct gochan_account - what one user has
 * @node: in gochan_accounts
 * @uid: the user
 * @objects: objects charged
 * @bytes: bytes charged
 */
struct gochan_account {
	struct hlist_node node;
	kuid_t uid;
	unsigned int objects;
	unsigned long bytes;
};

/* 64 chains: machines have tens of users that do IPC, not thousands. */
static DEFINE_HASHTABLE(gochan_accounts, 6);
static DEFINE_MUTEX(gochan_accounts_lock);

static struct gochan_account *__gochan_find_account(kuid_t uid)
{
	struct gochan_account *acct;

	hash_for_each_possible(gochan_accounts, acct, node, __kuid_val(uid))
		if (uid_eq(acct->uid, uid))
			return acct;
	return NULL;
}

static bool __gochan_over_quota(const struct gochan_account *acct, size_t bytes)
{
	unsigned long limit = READ_ONCE(max_user_bytes);

	return acct->objects >= READ_ONCE(max_user_objects) ||
	       acct->bytes > limit || bytes > limit - acct->bytes;
}

/**
 * gochan_charge - charge an object to the current user
 * @bytes: memory it takes
 *
 * Context: Process context. May sleep.
 * Return: the account, for gochan_uncharge(), or ERR_PTR(-EDQUOT) if the user
 * has reached a limit, or ERR_PTR(-ENOMEM).
 */
struct gochan_account *gochan_charge(size_t bytes)
{
	struct gochan_account *acct, *fresh;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	fresh->uid = current_uid();

	mutex_lock(&gochan_accounts_lock);
	acct = __gochan_find_account(fresh->uid) ?: fresh;
	/* The capability last: asking for it is recorded. */
	if (__gochan_over_quota(acct, bytes) && !capable(CAP_SYS_RESOURCE)) {
		acct = ERR_PTR(-EDQUOT);
	} else {
		acct->objects++;
		acct->bytes += bytes;
		if (acct == fresh)
			hash_add(gochan_accounts, &acct->node,
				 __kuid_val(acct->uid));
	}
	mutex_unlock(&gochan_accounts_lock);

	if (acct != fresh)
		kfree(fresh);
	return acct;
}

/**
 * gochan_uncharge - take back a charge
 * @acct: the account that was charged
 * @bytes: what was charged
 *
 * Context: Process context. May sleep.
 */
void gochan_uncharge(struct gochan_account *acct, size_t bytes)
{
	bool last;

	mutex_lock(&gochan_accounts_lock);
	acct->bytes -= bytes;
	last = !--acct->objects;
	if (last)
		hash_del(&acct->node);
	mutex_unlock(&gochan_accounts_lock);

	if (last)
		kfree(acct);
}
