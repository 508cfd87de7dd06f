/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One row a check; included twice by checks/table.c. The order is the order of running and
 * printing: what stops the boot comes before what stops the login, and a firewall after the sshd
 * whose ports it is judged by. The C name is the check's name with underscores. */

/* systemd: how far the boot goes, and what it waits for. */
CHECK(default_target)
CHECK(unit_masked)
CHECK(systemd_limits)
CHECK(unit_cycle)
CHECK(unit_hang)
CHECK(unit_broken)
CHECK(sysctl_memory)
CHECK(machine_id)
CHECK(auditd_halt)
CHECK(boot_loop)
CHECK(user_data_reboot)
/* The disks: what cannot be read, then what has no room left. */
CHECK(partition_table)
CHECK(fs_superblock)
CHECK(fs_damaged)
CHECK(fs_periodic_check)
CHECK(esp_dirty)
CHECK(group_member)
CHECK(duplicate_uuid)
CHECK(lvm_devices_file)
CHECK(fs_full)
CHECK(volume_grown)
CHECK(boot_full)

/* fstab: what stops the boot. */
CHECK(fstab_empty)
CHECK(fstab_malformed)
CHECK(fstab_root)
CHECK(fstab_stale_id)
CHECK(fstab_kernel_name)
CHECK(fstab_missing_device)
CHECK(fstab_swap)
CHECK(fstab_wrong_type)
CHECK(fstab_bad_option)
CHECK(fstab_subvolume)
CHECK(fstab_source_path)
CHECK(fstab_mount_point)
CHECK(fstab_network)
CHECK(fstab_shadow)
CHECK(fstab_lockout_option)
CHECK(fstab_duplicate)
CHECK(fstab_nofail)
CHECK(fstab_passno)

/* Mounts and encrypted devices beside fstab. */
CHECK(mount_unit)
CHECK(crypttab)

/* The network of /etc/sysconfig. */
CHECK(network_off)
CHECK(ifcfg_syntax)
CHECK(ifcfg_onboot)
CHECK(ifcfg_hwaddr)
CHECK(udev_persistent_net)
CHECK(ifcfg_address)
CHECK(gatewaydev)

/* The network of everything else: each stack's own files. */
CHECK(interfaces_syntax)
CHECK(interfaces_card)
CHECK(networkd_card)
CHECK(netplan_yaml)
CHECK(netplan_card)
CHECK(modprobe_nic)
CHECK(dhclient_conf)
CHECK(sysctl_network)

/* sshd: first whether it runs at all, then where it listens, then who gets in. */
CHECK(sshd_unit)
CHECK(sshd_sandbox)
CHECK(sshd_config_missing)
CHECK(sshd_bad_directive)
CHECK(sshd_match_scope)
CHECK(sshd_host_keys)
CHECK(sshd_privsep)
CHECK(sshd_reach)
CHECK(sshd_limits)
CHECK(sshd_key_exchange)
CHECK(sshd_allow_users)
CHECK(sshd_pubkey)
CHECK(sshd_keys_file)
CHECK(sshd_authorized_keys)
CHECK(sshd_key_modes)
CHECK(sshd_forced_session)
CHECK(sshd_drop_in)

/* Those who log in, and what they may: after sshd, which decides who they are. */
CHECK(tcp_wrappers)
CHECK(nsswitch)
CHECK(account_files)
CHECK(account_shell)
CHECK(account_expired)
CHECK(account_home)
CHECK(pam_stack)
CHECK(pam_policy)
CHECK(nologin)
CHECK(login_limits)
CHECK(shell_startup)
CHECK(sudoers_missing)
CHECK(sudoers_mode)
CHECK(sudoers_syntax)
CHECK(sudo_rules)

/* The firewall, judged by the ports of sshd. */
CHECK(iptables_syntax)
CHECK(iptables_ssh)

/* What no login needs, and the next emergency does. */
CHECK(root_locked)
CHECK(cloud_init)
CHECK(ssm_agent)
CHECK(clock)
CHECK(log_limits)
