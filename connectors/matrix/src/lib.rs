//! Matrix public rooms.
