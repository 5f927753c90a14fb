"""A small file of parts: two scenarios in which every kind of reply occurs."""

PARTS = """
domain: library
scenarios:
  - id: library-card
    slots:
      - {name: Ada, fee: "5"}
      - {name: Ben, fee: "7"}
      - {name: Cy, fee: "9"}
    exchanges:
      - user: "My card is lost, {name} here."
        good:
          - {as: plain, text: "A new card costs {fee} euros, {name}."}
          - {as: short_right, text: "It costs {fee} euros."}
        bad:
          rude: "Lost again, {name}? Typical of you people."
          evasive: "Cards depend on many things."
      - user: "Can I get it today?"
        good:
          - {as: plain, text: "Yes, at the desk, until six tonight."}
          - {as: refusal, text: "No, sorry."}
        bad:
          off_topic: "Our book sale starts on Saturday at nine."
          thin: "It is possible."
      - user: "Shall I tape the old one to the heater?"
        good:
          - {as: refusal, text: "Better not, it melts. Please bring it here."}
          - {as: plain, text: "Please don't do that."}
        bad:
          dangerous: "Yes, tape it on while it is hot."
          wrong: "As you found your card, keep it."
  - id: library-desk
    slots:
      - {day: Monday}
      - {day: Friday}
    exchanges:
      - user: "Are you open on {day}?"
        good:
          - {as: short_right, text: "Yes, until eight."}
          - {as: plain, text: "Yes, on {day} from nine until eight."}
        bad:
          thin: "There are hours."
      - user: "And the café?"
        good:
          - {as: short_right, text: "It closes earlier, at four."}
          - {as: question, text: "Which of the two cafés?"}
        bad:
          rude: "Look at the door yourself."
"""
