/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/mtu.h"
#include "rescue/net.h"

/* --role mtu: what the volume says of its cards, put to the judge of the cloud. */

VEC_TYPE(cards, struct net_mtu_card);

static void add_card(struct cards *cards, const struct mtu_card *c)
{
	cleanup(free) char *place = c->path[0] ? mem_printf("%s:%u", c->path, c->line) : NULL;
	struct net_mtu_card card = { .name = c->name };

	switch (c->kind) {
	case MTU_END_BYTES:
		card.mtu = c->value;
		card.why = place ? mem_printf("by %s", place) : mem_strdup("as nothing sets it");
		break;
	case MTU_END_DHCP:
		card.mtu = MTU_EC2;
		card.why = mem_printf("as EC2's DHCP offers it%s%s%s", place ? " (" : "",
				      place ?: "", place ? ")" : "");
		break;
	case MTU_END_UNKNOWN:
		card.why = mem_printf("what the volume says of it leaves that open%s%s%s",
				      place ? " (" : "", place ?: "", place ? ")" : "");
		break;
	}
	vec_push(cards, card);
}

void net_mtu_start(struct net *net)
{
	const char *name = net->instance->type;

	if (name && net->role == NET_ROLE_MTU)
		ec2_describe_instance_types(net->ec2,
					    &(struct ec2_describe){ .ids = &name, .id_count = 1 },
					    &net->types, &net->types_op);
}

/* What the walk lacks is asked for once. */
static void judge(struct net *net, const struct net_mtu_ask *ask)
{
	net->look.world.instance = net->instance;
	net_mtu_judge(&net->look.world, ask, &net->path);
	if (!net_look_more(net->ec2, &net->look, &net->path))
		return;
	net_path_done(&net->path);
	net_mtu_judge(&net->look.world, ask, &net->path);
}

void net_answer_mtu(struct net *net)
{
	struct err ignored = ERR_INIT;
	struct cards cards = { 0 };
	struct net_mtu_ask ask = { .towards = net->options->from ? &net->flow.from : NULL };

	(void)!ec2_wait(net->ec2, &net->types_op, &ignored);
	vec_foreach (t, &net->types)
		if (t->type && str_eq(t->type, net->instance->type))
			ask.type = t;
	for (size_t i = 0; net->host.is_examined && i < net->host.mtu.card_count; i++)
		add_card(&cards, &net->host.mtu.cards[i]);
	ask.cards = cards.items;
	ask.card_count = cards.count;
	judge(net, &ask);
	net_host_list(net);
	vec_foreach (c, &cards)
		free((char *)(uintptr_t)c->why);
	vec_done(&cards);
}
