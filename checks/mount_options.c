/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/mount_options.h"

/* A row: "name" takes no value, "name=" wants one, "name[=]" may have one, "name=a|b" one of
 * these, "name=#" a number, "name=#o" an octal one, "name=#s" a size such as 512M or 50%. */

/* Taken by mount(8) itself, for every type. A row that ends in "-" is a prefix. */
static const char *const generic[] = {
	"defaults",
	"auto",
	"noauto",
	"user[=]",
	"nouser",
	"users",
	"nousers",
	"owner",
	"noowner",
	"group",
	"nogroup",
	"_netdev",
	"comment=",
	"x-",
	"X-",
	"loop[=]",
	"offset=",
	"sizelimit=",
	"encryption=",
	"nofail",
	"fail",
	"uhelper=",
	"helper=",
	"verity.hashdevice=",
	"verity.roothash=",
	"verity.hashoffset=",
	"verity.roothashfile=",
	"verity.fecdevice=",
	"verity.fecoffset=",
	"verity.fecroots=",
	"verity.roothashsig=",
	"verity.oncorruption=",
	"ro[=]",
	"rw[=]",
	"exec",
	"noexec[=]",
	"suid",
	"nosuid[=]",
	"dev",
	"nodev[=]",
	"sync",
	"async",
	"dirsync",
	"remount",
	"bind",
	"rbind",
	"move",
	"sub",
	"nosub",
	"silent",
	"loud",
	"mand",
	"nomand",
	"atime",
	"noatime[=]",
	"iversion",
	"noiversion",
	"diratime",
	"nodiratime[=]",
	"relatime[=]",
	"norelatime",
	"strictatime[=]",
	"nostrictatime",
	"lazytime",
	"nolazytime",
	"symfollow",
	"nosymfollow[=]",
	"unbindable[=]",
	"runbindable",
	"private[=]",
	"rprivate",
	"slave[=]",
	"rslave",
	"shared[=]",
	"rshared",
	"context=",
	"fscontext=",
	"defcontext=",
	"rootcontext=",
	"seclabel",
	"smackfsdef=",
	"smackfsfloor=",
	"smackfshat=",
	"smackfsroot=",
	"smackfstransmute=",
	NULL,
};

static const char *const ext4[] = {
	"bsddf",
	"minixdf",
	"grpid",
	"bsdgroups",
	"nogrpid",
	"sysvgroups",
	"resgid=",
	"resuid=",
	"sb=#",
	"errors=continue|panic|remount-ro",
	"nouid32",
	"debug",
	"oldalloc",
	"orlov",
	"user_xattr",
	"nouser_xattr",
	"acl",
	"noacl",
	"noload",
	"norecovery",
	"bh",
	"nobh",
	"commit=#",
	"min_batch_time=#",
	"max_batch_time=#",
	"journal=",
	"journal_dev=",
	"journal_path=",
	"journal_checksum",
	"nojournal_checksum",
	"journal_async_commit",
	"abort",
	"data=journal|ordered|writeback",
	"data_err=ignore|abort",
	"usrjquota[=]",
	"grpjquota[=]",
	"jqfmt=vfsold|vfsv0|vfsv1",
	"grpquota[=]",
	"quota",
	"noquota",
	"usrquota[=]",
	"prjquota",
	"barrier[=]",
	"nobarrier",
	"i_version",
	"dax[=]",
	"stripe=#",
	"delalloc",
	"nodelalloc",
	"warn_on_error",
	"nowarn_on_error",
	"debug_want_extra_isize=#",
	"mblk_io_submit",
	"nomblk_io_submit",
	"block_validity",
	"noblock_validity",
	"inode_readahead_blks=#",
	"journal_ioprio=",
	"auto_da_alloc[=]",
	"noauto_da_alloc",
	"dioread_nolock",
	"nodioread_nolock",
	"dioread_lock",
	"discard",
	"nodiscard",
	"init_itable[=]",
	"noinit_itable",
	"max_dir_size_kb=#",
	"test_dummy_encryption[=]",
	"inlinecrypt",
	"nombcache",
	"no_mbcache",
	"prefetch_block_bitmaps",
	"no_prefetch_block_bitmaps",
	"mb_optimize_scan=#",
	"fc_debug_force",
	"fc_debug_max_replay=",
	"extents",
	"noextents",
	"check[=]",
	"nocheck",
	"reservation",
	"noreservation",
	"xip",
	NULL,
};

static const char *const xfs[] = {
	"logbufs=#",   "logbsize=#s",	  "logdev=",   "rtdev=",      "wsync",
	"noalign",     "swalloc",	  "sunit=#",   "swidth=#",    "nouuid",
	"grpid",       "nogrpid",	  "bsdgroups", "sysvgroups",  "allocsize=#s",
	"norecovery",  "inode64",	  "inode32",   "ikeep",	      "noikeep",
	"largeio",     "nolargeio",	  "attr2",     "noattr2",     "filestreams",
	"quota",       "noquota",	  "usrquota",  "grpquota",    "prjquota",
	"uquota",      "gquota",	  "pquota",    "uqnoenforce", "gqnoenforce",
	"pqnoenforce", "qnoenforce",	  "discard",   "nodiscard",   "dax[=]",
	"errortag=",   "max_open_zones=", "lifetime",  "nolifetime",  "max_atomic_write=",
	NULL,
};

static const char *const btrfs[] = {
	"acl",
	"noacl",
	"alloc_start=",
	"autodefrag",
	"noautodefrag",
	"barrier",
	"nobarrier",
	"check_int",
	"check_int_data",
	"check_int_print_mask=",
	"clear_cache",
	"commit=#",
	"compress[=]",
	"compress-force[=]",
	"datacow",
	"nodatacow",
	"datasum",
	"nodatasum",
	"defrag",
	"nodefrag",
	"degraded",
	"device=",
	"discard[=]",
	"nodiscard",
	"enospc_debug",
	"noenospc_debug",
	"fatal_errors=bug|panic",
	"flushoncommit",
	"noflushoncommit",
	"fragment=",
	"ignorebadroots",
	"ignoredatacsums",
	"inode_cache",
	"noinode_cache",
	"max_inline=#s",
	"metadata_ratio=#",
	"norecovery",
	"nologreplay",
	"notreelog",
	"treelog",
	"recovery",
	"ref_verify",
	"ref_tracker",
	"rescan_uuid_tree",
	"rescue=",
	"skip_balance",
	"space_cache[=]",
	"nospace_cache",
	"ssd",
	"nossd",
	"ssd_spread",
	"nossd_spread",
	"subvol=",
	"subvolid=",
	"subvolrootid=",
	"thread_pool=#",
	"usebackuproot",
	"user_subvol_rm_allowed",
	NULL,
};

static const char *const vfat[] = {
	"check=",
	"uid=",
	"gid=",
	"umask=#o",
	"dmask=#o",
	"fmask=#o",
	"allow_utime=#o",
	"codepage=#",
	"usefree",
	"nocase",
	"quiet",
	"showexec",
	"debug",
	"immutable",
	"sys_immutable",
	"flush",
	"tz=",
	"time_offset=",
	"errors=continue|panic|remount-ro",
	"discard",
	"nfs[=]",
	"dos1xfloppy",
	"iocharset=",
	"shortname=",
	"utf8[=]",
	"uni_xlate[=]",
	"nonumtail[=]",
	"rodir",
	"dots",
	"nodots",
	"dotsOK=",
	"posix",
	"conv=",
	"fat=",
	"blocksize=",
	"cvf_format=",
	"cvf_options=",
	NULL,
};

static const char *const tmpfs[] = {
	"size=#s",
	"nr_blocks=#s",
	"nr_inodes=#s",
	"mode=#o",
	"uid=",
	"gid=",
	"huge=",
	"mpol=",
	"inode32",
	"inode64",
	"noswap",
	"acl",
	"noacl",
	"quota",
	"usrquota",
	"grpquota",
	"usrquota_block_hardlimit=",
	"usrquota_inode_hardlimit=",
	"grpquota_block_hardlimit=",
	"grpquota_inode_hardlimit=",
	"casefold[=]",
	"strict_encoding",
	NULL,
};

static const struct {
	const char *type;
	const char *const *table;
} tables[] = {
	{ "ext2", ext4 },   { "ext3", ext4 }, { "ext4", ext4 },	 { "xfs", xfs },
	{ "btrfs", btrfs }, { "vfat", vfat }, { "msdos", vfat }, { "tmpfs", tmpfs },
};

/* Documentation/admin-guide/xfs.rst, "Removed Mount Options". */
static const struct {
	const char *type, *row;
	uint32_t version;
} removed[] = {
	{ "xfs", "barrier", 4 << 16 | 19 }, { "xfs", "nobarrier", 4 << 16 | 19 },
	{ "xfs", "delaylog", 4 << 16 },	    { "xfs", "nodelaylog", 4 << 16 },
	{ "xfs", "ihashsize=", 4 << 16 },   { "xfs", "irixsgid", 4 << 16 },
	{ "xfs", "osyncisdsync", 4 << 16 }, { "xfs", "osyncisosync", 4 << 16 },
};

const char *const *mount_option_table(const char *fs_type)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		if (str_eq(tables[i].type, fs_type))
			return tables[i].table;
	return NULL;
}

/* Numbers as the kernel reads them: any base by prefix for "#", a suffix for sizes. */
static bool is_number(const struct fstab_option *option, const char *kind)
{
	cleanup(free) char *value = mem_strndup(option->value, option->value_len);
	char *end;

	if (*value < '0' || *value > '9')
		return false;
	(void)strtoull(value, &end, kind[1] == 'o' ? 8 : 0);
	if (kind[1] == 's' && *end && strchr("KkMmGgTtPpEe%", *end))
		end++;
	return !*end;
}

/* Is the value one of "a|b|c"? */
static bool is_one_of(const struct fstab_option *option, const char *values)
{
	for (const char *p = values; *p; p += strcspn(p, "|"), p += *p == '|')
		if (strcspn(p, "|") == option->value_len &&
		    !memcmp(p, option->value, option->value_len))
			return true;
	return false;
}

static bool row_takes(const char *row, const struct fstab_option *option)
{
	size_t len = strcspn(row, "=[");
	const char *tail = row + len;

	if (len > 1 && row[len - 1] == '-' && !*tail && len == 2)
		return option->name_len > len && !memcmp(row, option->name, len);
	if (len != option->name_len || memcmp(row, option->name, len) != 0)
		return false;
	if (!*tail)
		return !option->value;
	if (*tail == '[')
		return true;
	if (!option->value || !option->value_len)
		return false;
	return !tail[1] ||
	       (tail[1] == '#' ? is_number(option, tail + 1) : is_one_of(option, tail + 1));
}

static bool table_takes(const char *const *table, const struct fstab_option *option)
{
	for (; *table; table++)
		if (row_takes(*table, option))
			return true;
	return false;
}

enum option_verdict mount_option_judge(const char *fs_type, const struct fstab_option *option,
				       uint32_t *ret_version)
{
	const char *const *table = mount_option_table(fs_type);

	if (!table)
		return OPTION_UNJUDGED;
	if (table_takes(generic, option) || table_takes(table, option))
		return OPTION_TAKEN;
	for (size_t i = 0; i < ARRAY_LEN(removed); i++) {
		if (!str_eq(removed[i].type, fs_type) || !row_takes(removed[i].row, option))
			continue;
		*ret_version = removed[i].version;
		return OPTION_REMOVED;
	}
	return OPTION_REFUSED;
}
