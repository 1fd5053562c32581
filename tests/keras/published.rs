//! Published networks, of ../shared/data if that is there.
