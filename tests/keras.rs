//! Files of Keras: what they compute, and what becomes of damaged ones.

mod keras {
    pub mod evaluate;
    mod made_up;
    mod networks;
    mod published;
}
