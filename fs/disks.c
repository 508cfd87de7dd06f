/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/disks.h"

static void disk_fs_done(struct disk_fs *fs)
{
	free(fs->disk);
	free(fs->type);
	free(fs->uuid);
	free(fs->label);
	free(fs->partuuid);
	free(fs->partlabel);
	free(fs->parttype);
	free(fs->root_subvol);
	for (size_t i = 0; i < fs->subvol_count; i++)
		free(fs->subvols[i]);
	free(fs->subvols);
}

void disks_done(struct disks *disks)
{
	vec_foreach (fs, disks)
		disk_fs_done(fs);
	vec_done(disks);
}

static char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? mem_strdup(s) : NULL;
}

static uint64_t number_of(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

int disks_from_json(const json_t *json, struct disks *ret, struct err *err)
{
	const json_t *list = json_object_get(json, "filesystems"), *value;
	struct disks disks = { 0 };
	size_t i;

	if (!json_is_array(list))
		return err_set(err, ERR_MALFORMED, "the disks have no list \"filesystems\"");
	disks.is_complete = json_is_true(json_object_get(json, "is_complete"));
	json_array_foreach (list, i, value) {
		const json_t *subvols = json_object_get(value, "subvols");
		struct disk_fs *fs = vec_add(&disks);

		fs->disk = text_of(value, "disk");
		fs->partition = (uint32_t)number_of(value, "partition");
		fs->offset_bytes = number_of(value, "offset");
		fs->size_bytes = number_of(value, "size");
		fs->type = text_of(value, "type");
		fs->uuid = text_of(value, "uuid");
		fs->label = text_of(value, "label");
		fs->partuuid = text_of(value, "partuuid");
		fs->partlabel = text_of(value, "partlabel");
		fs->parttype = text_of(value, "parttype");
		fs->is_root = json_is_true(json_object_get(value, "is_root"));
		fs->root_subvol = text_of(value, "root_subvol");
		fs->is_damaged = json_is_true(json_object_get(value, "is_damaged"));
		fs->subvols = mem_array(json_array_size(subvols), sizeof(*fs->subvols));
		for (size_t k = 0; k < json_array_size(subvols); k++) {
			const char *s = json_string_value(json_array_get(subvols, k));

			if (s)
				fs->subvols[fs->subvol_count++] = mem_strdup(s);
		}
	}
	*ret = disks;
	return 0;
}
