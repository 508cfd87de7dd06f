/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which instance is this machine? By the identity document, or item by item where a metadata
 * service has none. */
#include "ec2/calls.h"
#include "ec2/imds.h"

#include <jansson.h>

struct self {
	struct task task;
	struct imds_self *ret;
	struct imds_get *get;
	size_t stage; /* 0: the document; then the items */
};

static const struct {
	const char *path, *member; /* member of the identity document */
	size_t offset;
} items[] = {
	{ "/latest/meta-data/instance-id", "instanceId", offsetof(struct imds_self, instance) },
	{ "/latest/meta-data/placement/availability-zone", "availabilityZone",
	  offsetof(struct imds_self, zone) },
	{ "/latest/meta-data/placement/region", "region", offsetof(struct imds_self, region) },
	{ "/latest/meta-data/instance-type", "instanceType", offsetof(struct imds_self, type) },
};

static void self_free(struct task *task)
{
	struct self *self = (struct self *)task;

	imds_cancel(self->get);
	free(self);
}

static char **field(struct imds_self *self, size_t i)
{
	return (char **)(void *)((char *)self + items[i].offset);
}

void imds_self_done(struct imds_self *self)
{
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		free(*field(self, i));
	memset(self, 0, sizeof(*self));
}

/* What was read goes into other requests and messages: plain names only. */
static int check_self(const struct imds_self *self, struct err *err)
{
	struct instance_id id;

	if (!self->instance || instance_id_parse(self->instance, &id, err) < 0)
		return err_set(err, ERR_MALFORMED, "the instance metadata gives no instance id");
	if (self->region && check_region(self->region, err) < 0) {
		err->code = ERR_MALFORMED;
		return err_in(err, "the instance metadata");
	}
	return 0;
}

static void end(struct self *self, const struct err *err)
{
	struct err why = ERR_INIT;

	if (!err && check_self(self->ret, &why) < 0)
		err = &why;
	if (err)
		imds_self_done(self->ret);
	task_end(&self->task, err);
}

static int read_document(const char *text, struct imds_self *ret, struct err *err)
{
	json_t *json = json_loads(text, 0, NULL);

	if (!json_is_object(json)) {
		json_decref(json);
		return err_set(err, ERR_MALFORMED, "the instance identity document is not JSON");
	}
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		const char *value = json_string_value(json_object_get(json, items[i].member));

		*field(ret, i) = value ? mem_strdup(value) : NULL;
	}
	json_decref(json);
	return 0;
}

static void on_item(void *arg, const char *text, int http_status, const struct err *err);

static void ask(struct self *self)
{
	const char *path = self->stage ? items[self->stage - 1].path
				       : "/latest/dynamic/instance-identity/document";

	self->get = imds_get(self->task.ec2, path, on_item, self);
}

/* An old metadata service knows the zone, not the region: "eu-central-1a" ends with a letter. */
static void guess_region(struct imds_self *self)
{
	size_t len = self->zone ? strlen(self->zone) : 0;

	if (!self->region && len > 1 && self->zone[len - 1] >= 'a' && self->zone[len - 1] <= 'z')
		self->region = mem_strndup(self->zone, len - 1);
}

static void on_item(void *arg, const char *text, int http_status, const struct err *err)
{
	struct self *self = arg;
	struct err why = ERR_INIT;

	self->get = NULL;
	if (!text && http_status != 404) {
		end(self, err);
		return;
	}
	if (!self->stage && text) {
		end(self, read_document(text, self->ret, &why) < 0 ? &why : NULL);
		return;
	}
	if (self->stage && text)
		*field(self->ret, self->stage - 1) = mem_strndup(text, strcspn(text, "\r\n"));
	if (self->stage++ < ARRAY_LEN(items)) {
		ask(self);
		return;
	}
	guess_region(self->ret);
	end(self, NULL);
}

void imds_get_self(struct ec2 *ec2, struct imds_self *ret, struct ec2_op *op)
{
	struct self *self = mem_alloc(sizeof(*self));

	memset(ret, 0, sizeof(*ret));
	self->task.free = self_free;
	self->ret = ret;
	task_begin(ec2, &self->task, op);
	ask(self);
}
