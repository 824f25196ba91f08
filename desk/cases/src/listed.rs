//! Enums that know all their variants. Whatever is told to a person comes from such a list, so that a test can walk every
//! text there is and no new variant is forgotten in a translation.

/// Declares an enum with its written names ([`as_str`](crate::workflow::Why::as_str)) and one of each variant, with empty
/// data (`each`), from one list.
#[macro_export]
macro_rules! listed {
    (
        $(#[$outer:meta])*
        $seen:vis enum $enum:ident {
            $( $(#[$meta:meta])* $name:ident $(($data:ty))? = $written:literal ),+ $(,)?
        }
    ) => {
        $(#[$outer])*
        $seen enum $enum {
            $( $(#[$meta])* $name $(($data))?, )+
        }

        impl $enum {
            /// The written form, under which the desk keeps its wording.
            pub const fn as_str(&self) -> &'static str {
                match self {
                    $( Self::$name { .. } => $written, )+
                }
            }

            /// One of each, with empty data.
            pub fn each() -> Vec<Self> {
                vec![ $( Self::$name $((<$data>::default()))? ),+ ]
            }
        }
    };
}
