/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/facts.h"

static void list_done(char **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

void cloud_facts_done(struct cloud_facts *facts)
{
	for (size_t i = 0; i < facts->interface_count; i++) {
		free(facts->interfaces[i].mac);
		list_done(facts->interfaces[i].private_ips, facts->interfaces[i].private_ip_count);
		free(facts->interfaces[i].subnet_cidr);
	}
	for (size_t i = 0; i < facts->volume_count; i++) {
		free(facts->volumes[i].device);
		free(facts->volumes[i].volume);
	}
	free(facts->interfaces);
	free(facts->volumes);
	list_done(facts->vpc_cidrs, facts->vpc_cidr_count);
	free(facts->instance);
	free(facts->instance_type);
	free(facts->hypervisor);
	free(facts->boot_mode);
	*facts = (struct cloud_facts){ 0 };
}

static json_t *list_to_json(char *const *list, size_t count)
{
	json_t *json = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(json, json_string(list[i]));
	return json;
}

static const char *const source_checks[] = { NULL, "on", "off" };

json_t *cloud_facts_to_json(const struct cloud_facts *facts)
{
	json_t *interfaces = json_array(), *volumes = json_array();

	for (size_t i = 0; i < facts->interface_count; i++) {
		const struct cloud_interface *nic = &facts->interfaces[i];

		json_array_append_new(
			interfaces,
			json_pack("{s:I, s:s*, s:o, s:s*, s:b, s:s*}", "device_index",
				  (json_int_t)nic->device_index, "mac", nic->mac, "private_ips",
				  list_to_json(nic->private_ips, nic->private_ip_count),
				  "subnet_cidr", nic->subnet_cidr, "has_public_ip",
				  nic->has_public_ip, "source_check",
				  source_checks[nic->source_check]));
	}
	for (size_t i = 0; i < facts->volume_count; i++)
		json_array_append_new(volumes, json_pack("{s:s*, s:s*, s:I}", "device",
							 facts->volumes[i].device, "volume",
							 facts->volumes[i].volume, "size_gib",
							 (json_int_t)facts->volumes[i].size_gib));
	return json_pack("{s:b, s:b, s:s*, s:s*, s:s*, s:s*, s:o, s:o, s:o}", "is_known",
			 facts->is_known, "has_new_cards", facts->has_new_cards, "instance",
			 facts->instance, "instance_type", facts->instance_type, "hypervisor",
			 facts->hypervisor, "boot_mode", facts->boot_mode, "interfaces", interfaces,
			 "vpc_cidrs", list_to_json(facts->vpc_cidrs, facts->vpc_cidr_count),
			 "volumes", volumes);
}

static char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? mem_strdup(s) : NULL;
}

static char **list_of(const json_t *object, const char *key, size_t *ret_count)
{
	const json_t *json = json_object_get(object, key);
	char **list = mem_array(json_array_size(json), sizeof(*list));

	*ret_count = 0;
	for (size_t i = 0; i < json_array_size(json); i++) {
		const char *s = json_string_value(json_array_get(json, i));

		if (s)
			list[(*ret_count)++] = mem_strdup(s);
	}
	return list;
}

static enum source_check source_check_of(const json_t *interface)
{
	const char *s = json_string_value(json_object_get(interface, "source_check"));

	for (size_t i = 1; s && i < ARRAY_LEN(source_checks); i++)
		if (!strcmp(s, source_checks[i]))
			return (enum source_check)i;
	return SOURCE_CHECK_UNKNOWN;
}

int cloud_facts_from_json(const json_t *json, struct cloud_facts *ret, struct err *err)
{
	const json_t *interfaces = json_object_get(json, "interfaces");
	const json_t *volumes = json_object_get(json, "volumes");
	struct cloud_facts facts = { .is_known = json_is_true(json_object_get(json, "is_known")) };

	if (!json_is_object(json))
		return err_set(err, ERR_MALFORMED, "the cloud facts are no JSON object");
	facts.instance = text_of(json, "instance");
	facts.instance_type = text_of(json, "instance_type");
	facts.hypervisor = text_of(json, "hypervisor");
	facts.boot_mode = text_of(json, "boot_mode");
	facts.has_new_cards = json_is_true(json_object_get(json, "has_new_cards"));
	facts.vpc_cidrs = list_of(json, "vpc_cidrs", &facts.vpc_cidr_count);
	facts.interfaces = mem_array(json_array_size(interfaces), sizeof(*facts.interfaces));
	for (; facts.interface_count < json_array_size(interfaces); facts.interface_count++) {
		const json_t *from = json_array_get(interfaces, facts.interface_count);
		struct cloud_interface *nic = &facts.interfaces[facts.interface_count];

		nic->device_index =
			(uint32_t)json_integer_value(json_object_get(from, "device_index"));
		nic->mac = text_of(from, "mac");
		nic->private_ips = list_of(from, "private_ips", &nic->private_ip_count);
		nic->subnet_cidr = text_of(from, "subnet_cidr");
		nic->has_public_ip = json_is_true(json_object_get(from, "has_public_ip"));
		nic->source_check = source_check_of(from);
	}
	facts.volumes = mem_array(json_array_size(volumes), sizeof(*facts.volumes));
	for (; facts.volume_count < json_array_size(volumes); facts.volume_count++) {
		const json_t *from = json_array_get(volumes, facts.volume_count);
		struct cloud_volume *volume = &facts.volumes[facts.volume_count];

		volume->device = text_of(from, "device");
		volume->volume = text_of(from, "volume");
		volume->size_gib = (uint64_t)json_integer_value(json_object_get(from, "size_gib"));
	}
	*ret = facts;
	return 0;
}
