//! Usenet groups over NNTP.
