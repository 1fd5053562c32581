/*
 * arduino.h - as much of an Arduino core as the example sketch needs, on the host: included before the sketch, as
 * Arduino.h is. setup() and loop() run once.
 */
#ifndef ARDUINO_STAND_IN_H
#define ARDUINO_STAND_IN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct SerialPort {
  void begin(unsigned long) {}
  explicit operator bool() const { return true; }
  void print(const char *text) { printf("%s", text); }
  void print(long number) { printf("%ld", number); }
  void println(const char *text) { printf("%s\n", text); }
  void println(unsigned long number) { printf("%lu\n", number); }
};

static SerialPort Serial;

static inline unsigned long millis() { return 0; }
static inline void delay(unsigned long) {}

void setup();
void loop();

int main() {
  setup();
  loop();
}

#endif
