#pragma once

/// Marks what librowhouse shows to its users; everything else in the library is hidden.
/// An attribute can not be spelled in any other way for every declaration, hence the one macro of the client.
#define ROWHOUSE_EXPORT [[gnu::visibility("default")]]
