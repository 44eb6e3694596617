/* SPDX-License-Identifier: MIT */
/*
 * lwIP's options: one thread, the raw API, IPv4; buffers for a fast local network.
 */
#ifndef GUEST_LWIPOPTS_H
#define GUEST_LWIPOPTS_H

#define NO_SYS                          1
#define SYS_LIGHTWEIGHT_PROT            0
#define LWIP_SOCKET                     0
#define LWIP_NETCONN                    0
#define LWIP_IPV4                       1
#define LWIP_IPV6                       0
#define LWIP_DHCP                       1
#define LWIP_DNS                        0
#define LWIP_RAW                        1
#define LWIP_TCP                        1
#define LWIP_UDP                        1
#define LWIP_STATS                      0
#define LWIP_NETIF_LINK_CALLBACK        0
#define LWIP_CHECKSUM_CTRL_PER_NETIF    1
#define DHCP_DOES_ARP_CHECK             0
#define LWIP_DHCP_DOES_ACD_CHECK        0

/* httpd: files are read from the disk while they are sent. */
#define LWIP_HTTPD_CUSTOM_FILES         1
#define LWIP_HTTPD_DYNAMIC_FILE_READ    1
#define LWIP_HTTPD_FS_ASYNC_READ        1
#define LWIP_HTTPD_DYNAMIC_HEADERS      1
#define LWIP_HTTPD_SUPPORT_11_KEEPALIVE 1
#define LWIP_HTTPD_MAX_REQUEST_URI_LEN  120
#define HTTPD_LIMIT_SENDING_TO_2MSS     0
#define HTTPD_SERVER_AGENT              "vellum-guest"
#define HTTPD_FSDATA_FILE               "guest-fsdata.h"

#define MEM_ALIGNMENT                   8
#define MEM_SIZE                        (3 << 20)
#define MEMP_NUM_PBUF                   1024
#define MEMP_NUM_TCP_PCB                64
#define MEMP_NUM_TCP_PCB_LISTEN         8
#define MEMP_NUM_TCP_SEG                2048
#define PBUF_POOL_SIZE                  1024
#define PBUF_POOL_BUFSIZE               1600

#define TCP_MSS                         1460
#define LWIP_WND_SCALE                  1
#define TCP_RCV_SCALE                   3
#define TCP_WND                         (256 << 10)
#define TCP_SND_BUF                     (512 << 10)
#define TCP_SND_QUEUELEN                1024
#define TCP_SNDLOWAT                    (16 << 10)
#define TCP_QUEUE_OOSEQ                 1
#define LWIP_TCP_SACK_OUT               1

#endif
