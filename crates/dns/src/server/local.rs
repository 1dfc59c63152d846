//! Which of its own addresses a datagram was sent to: at a wildcard listener (`0.0.0.0`, `::`) the
//! kernel would else answer from whichever address its routes like best, and the client, who asked
//! another, would not hear it. Next: `turn`.

use nix::libc::{in_pktinfo, in6_pktinfo};
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, setsockopt};
use socket2::Socket;
use std::net::SocketAddr;

/// An address of ours, as the kernel writes it beside a datagram.
#[derive(Clone, Copy)]
pub(super) enum Local {
    Four(in_pktinfo),
    Six(in6_pktinfo),
}

/// Whether a listener must be told at which address each datagram came in.
pub(super) fn is_wanted(listener: SocketAddr) -> bool {
    listener.ip().is_unspecified()
}

/// Asks for it.
pub(super) fn want(socket: &Socket, listener: SocketAddr) -> nix::Result<()> {
    match listener {
        SocketAddr::V4(_) => setsockopt(socket, Ipv4PacketInfo, &true),
        SocketAddr::V6(_) => setsockopt(socket, Ipv6RecvPacketInfo, &true),
    }
}

/// Room for it beside a datagram; exactly as much, since the same room is sent back.
pub(super) fn room(listener: SocketAddr) -> Option<Vec<u8>> {
    is_wanted(listener).then(|| match listener {
        SocketAddr::V4(_) => nix::cmsg_space!(in_pktinfo),
        SocketAddr::V6(_) => nix::cmsg_space!(in6_pktinfo),
    })
}

impl Local {
    /// What the kernel wrote, made fit for the way back.
    pub(super) fn of(message: &ControlMessageOwned) -> Option<Self> {
        if let ControlMessageOwned::Ipv4PacketInfo(info) = message {
            // The route back is the kernel's choice; the address is not.
            return Some(Self::Four(in_pktinfo { ipi_ifindex: 0, ..*info }));
        }
        if let ControlMessageOwned::Ipv6PacketInfo(info) = message {
            // fe80::/10 means nothing without its interface (RFC 4007 §6).
            let scoped =
                matches!(info.ipi6_addr.s6_addr, [0xfe, second, ..] if second & 0xc0 == 0x80);
            let ipi6_ifindex = if scoped { info.ipi6_ifindex } else { 0 };
            return Some(Self::Six(in6_pktinfo { ipi6_ifindex, ..*info }));
        }
        None
    }

    /// As it is handed to the kernel.
    pub(super) fn control(&self) -> ControlMessage<'_> {
        match self {
            Self::Four(info) => ControlMessage::Ipv4PacketInfo(info),
            Self::Six(info) => ControlMessage::Ipv6PacketInfo(info),
        }
    }
}

impl PartialEq for Local {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Four(one), Self::Four(two)) => {
                one.ipi_spec_dst.s_addr == two.ipi_spec_dst.s_addr
            }
            (Self::Six(one), Self::Six(two)) => {
                (one.ipi6_addr.s6_addr, one.ipi6_ifindex)
                    == (two.ipi6_addr.s6_addr, two.ipi6_ifindex)
            }
            (Self::Four(_), Self::Six(_)) | (Self::Six(_), Self::Four(_)) => false,
        }
    }
}
