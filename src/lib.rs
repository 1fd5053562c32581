//! Bitsmith fits ImageNet-class convolutional networks into microcontrollers.
