// An order goes to the hub by SignalR; its answer says that it is durable, and what becomes of it comes back live.

const parameters = new URLSearchParams(location.search);
const url = parameters.get("hub") ?? "http://127.0.0.1:8080/signalr";
const token = parameters.get("token");

const connection = new signalR.HubConnectionBuilder()
  .withUrl(url, token ? { accessTokenFactory: () => token } : {})
  .withAutomaticReconnect()
  .withStatefulReconnect()
  .build();

const rows = new Map();
// The handler may be done before the answer to the order is here.
const early = new Map();

function state(text) {
  const shown = document.getElementById("state");
  shown.textContent = shown.dataset.state = text;
  document.querySelector("button").disabled = text !== "connected";
}

function show(row, text, name = text) {
  row.cells[3].textContent = text;
  row.cells[3].dataset.state = name;
}

function complete(row, done) {
  show(row, `completed, parcel ${done.parcel}`, "completed");
}

connection.on("orderCompleted", (done) => {
  const row = rows.get(done.job_id);
  if (row) complete(row, done);
  else early.set(done.job_id, done);
});
connection.onreconnecting(() => state("reconnecting"));
connection.onreconnected(() => state("connected"));
connection.onclose(() => state("closed"));

document.getElementById("order").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const order = { product: form.get("product"), quantity: Number(form.get("quantity")) };
  const row = document.getElementById("orders").insertRow(0);
  for (const text of [order.product, order.quantity, "", ""]) row.insertCell().textContent = text;
  row.cells[2].className = "job";
  show(row, "sent");
  try {
    const { job_id: job } = await connection.invoke("placeOrder", order);
    row.cells[2].textContent = job;
    rows.set(job, row);
    show(row, "accepted");
    if (early.has(job)) complete(row, early.get(job));
  } catch (error) {
    show(row, error.message, "failed");
  }
});

connection.start().then(
  () => state("connected"),
  (error) => {
    state("closed");
    console.error(error);
  },
);
