/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address that this machine's packets have on the internet: behind a router only somebody outside can tell.
 * AWS runs a service for that, which needs no signature (AWS blog and documentation name it in examples of
 * security-group rules). */
#include "ec2/calls.h"
#include "ec2/fetch.h"

#include <arpa/inet.h>

#define OWN_ADDRESS_URL "https://checkip.amazonaws.com/"

struct own {
	struct task task;
	struct ec2_own_address *ret;
	struct fetch *fetch;
};

static void own_free(struct task *task)
{
	struct own *own = (struct own *)task;

	fetch_cancel(own->fetch);
	free(own);
}

void ec2_own_address_done(struct ec2_own_address *address)
{
	free(TAKE(address->text));
}

/* Nothing but an address. */
static int take(const struct http_reply *reply, struct ec2_own_address *ret, struct err *err)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	cleanup(free) char *text = NULL;
	size_t len = 0;

	if (reply->err.code) {
		*err = reply->err;
		return -1;
	}
	while (len < reply->body.len && reply->body.s[len] > ' ')
		len++;
	text = mem_strndup(reply->body.s ? reply->body.s : "", len);
	if (reply->status != 200 || len > INET6_ADDRSTRLEN ||
	    (inet_pton(AF_INET, text, bytes) != 1 && inet_pton(AF_INET6, text, bytes) != 1))
		return err_set(err, ERR_MALFORMED, "%s names no address", OWN_ADDRESS_URL);
	ret->text = TAKE(text);
	return 0;
}

static void on_reply(void *arg, struct http_reply *reply)
{
	struct own *own = arg;
	struct err err = ERR_INIT;

	own->fetch = NULL;
	task_end(&own->task, take(reply, own->ret, &err) < 0 ? &err : NULL);
}

void ec2_get_own_address(struct ec2 *ec2, struct ec2_own_address *ret, struct ec2_op *op)
{
	const char *other = env_value("EC2_RESCUE_CHECKIP_URL"); /* for tests */
	struct own *own = mem_alloc(sizeof(*own));
	struct fetch_spec spec = { .method = "GET",
				   .url = other ? other : OWN_ADDRESS_URL,
				   .timeout_ms = 5000,
				   .attempts = 2 };

	*ret = (struct ec2_own_address){ NULL };
	own->task.free = own_free;
	own->ret = ret;
	task_begin(ec2, &own->task, op);
	own->fetch = fetch_start(ec2, &spec, on_reply, own);
}
