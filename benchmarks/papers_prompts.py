"""Prompts of the project's own writing for the tables of the papers: instructions, news and counselling.

They stand in for Alpaca, tldr_news and MHC, which XPrompt used. Each has at least fifteen words, as there.
"""

INSTRUCTIONS = (
    "Write a short story about a young doctor and an old fisherman who meet every morning at the harbour.",
    "Explain to a child of eight years why the sea is salty but rivers and lakes are mostly not.",
    "List three healthy dinners that a student can cook with rice, eggs and frozen vegetables in twenty minutes.",
    "Write a polite email to my landlord asking him to repair the broken heating in our kitchen before winter.",
    "Give me a plan for a weekend in Lisbon with two small children, a small budget and no car.",
    "Describe the difference between a virus and a bacterium, and say why antibiotics do not help against influenza.",
    "Suggest a name and a slogan for a bakery that sells bread made from old kinds of grain.",
)

NEWS = (
    "Summarize this news in one sentence: The city council of Northfield voted on Tuesday to close the old bridge over "
    "the river for two years. Engineers had found deep cracks in its pillars. Buses will use the motorway instead.",
    "Summarize this news in one sentence: A start-up from Finland has raised forty million euros to build batteries "
    "from sand. The company says that its batteries store heat for months and cost less than lithium ones.",
    "Summarize this news in one sentence: Researchers have trained a small language model on the notes of nurses. It "
    "warns of infections about a day earlier than doctors do, but it also gives many false alarms.",
    "Summarize this news in one sentence: The airline will cancel three hundred flights in July because pilots are "
    "missing. Passengers can rebook without a fee or ask for their money back until the end of the month.",
    "Summarize this news in one sentence: After ten years of work the museum opens its new wing on Saturday. It shows "
    "four hundred paintings that were hidden in a salt mine during the war. Entry is free on the first day.",
    "Summarize this news in one sentence: A storm has damaged the harbour of Port Ellis. Eleven boats sank and the "
    "fish market is closed. Nobody was hurt, since the warning came six hours before the wind.",
    "Summarize this news in one sentence: The maker of the popular photo app changes its prices. Users will pay three "
    "dollars a month for storage that was free until now, and schools pay half of that.",
)

COUNSELLING = (
    "I have been working from home since spring and I hardly speak to anyone. In the evenings I feel empty and cannot "
    "sleep. My friends say I should go out more, but I am too tired. What can I do?",
    "My mother calls me five times a day and gets angry when I do not answer. I love her, but I cannot concentrate at "
    "work any more. How can I tell her without hurting her?",
    "Since the accident last year my hands shake when I sit in a car. My new job needs me to drive every week. I am "
    "afraid that I will lose it. How do I get over this fear?",
    "My partner and I argue about money almost every week. He wants to save for a house and I want to travel while we "
    "are young. We shout and then do not talk for days. Please help us.",
    "I failed my final exam for the second time and I have not told my parents. They pay for my studies and are so "
    "proud. I feel ashamed and think about giving up. What should I do now?",
    "My best friend died two months ago. Everyone says that time heals, but I still cry on the bus and I am angry with "
    "people who laugh. Is something wrong with me?",
)

PROMPTS = {"instructions": INSTRUCTIONS, "news": NEWS, "counselling": COUNSELLING}
